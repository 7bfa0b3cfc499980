"""Real provider traffic of the openai dialect, replayed: every stream comes out whole, or says why not."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.dialects.litellm.errors import classify
from adapters.dialects.openai.decode import decode_completion
from adapters.dialects.openai.stream import ChatStreamDecoder
from domain.model.completion import Provenance
from domain.model.errors import GatewayError, UpstreamError
from domain.model.stream import Chunk, fold
from support.fuzz.body_seeds import body_seeds
from support.fuzz.published import published

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "exchanges"
ORIGIN = Provenance(provider="recorded", model="m")
LIMIT = 8 << 20


def recorded(*, stream: bool) -> list[Any]:
    """Exchanges of OpenAI-style chat that were answered with 200."""
    found = []
    for path in sorted(RECORDINGS.glob("*/*.json")):
        exchange = json.loads(path.read_text())
        answer = exchange["response"]
        if exchange["api"] == "openai.chat" and answer["status"] == 200 and answer["stream"] is stream:
            found.append(pytest.param(answer, id=exchange["id"]))
    return found


def decode(raw: bytes, step: int) -> list[Chunk]:
    decoder = ChatStreamDecoder("m", 1.0, LIMIT, classify)
    chunks = [chunk for at in range(0, len(raw), step) for chunk in decoder.feed(raw[at : at + step])]
    decoder.feed(b"")
    return chunks + decoder.close()


def strict(chunks: list[Chunk]) -> None:
    """What we promise callers of every stream."""
    documents = [json.loads(chunk.carried.body) for chunk in chunks if chunk.carried is not None]
    assert len(documents) == len(chunks)
    roles: set[int] = set()
    finished: set[int] = set()
    for document in documents:
        assert (document["id"], document["created"], document["model"]) == (
            chunks[0].id,
            chunks[0].created,
            chunks[0].model,
        )
        for choice in document["choices"]:
            index = choice["index"]
            assert index not in finished
            assert ("role" in choice["delta"]) is (index not in roles)
            roles.add(index)
            if choice["finish_reason"] is not None:
                finished.add(index)
            for call in choice["delta"].get("tool_calls") or []:
                assert isinstance(call["index"], int)
    assert [chunk.usage is not None for chunk in chunks].count(True) <= 1


@pytest.mark.parametrize("answer", recorded(stream=True))
def test_a_recorded_stream_is_normalised_the_same_however_it_is_split(answer: Any) -> None:
    raw = answer["raw"].encode()
    try:
        chunks = decode(raw, len(raw) or 1)
    except GatewayError as error:
        with pytest.raises(type(error)):
            decode(raw, 7)
        assert '"error"' in answer["raw"] or "error:" in answer["raw"], "only what reports an error may raise"
        return
    assert decode(raw, 7) == chunks
    strict(chunks)


@pytest.mark.parametrize("answer", recorded(stream=True))
def test_a_recorded_stream_folds_or_is_truncated(answer: Any) -> None:
    try:
        completion = fold(decode(answer["raw"].encode(), 1000), ORIGIN)
    except GatewayError as error:
        if not isinstance(error, UpstreamError):
            raise
        return
    assert all(call.id for choice in completion.choices for call in choice.reply.tool_calls)


@pytest.mark.parametrize("answer", recorded(stream=False))
def test_a_recorded_answer_is_mended_into_what_we_promise(answer: Any) -> None:
    raw = (answer["raw"] or json.dumps(answer["body"])).encode()
    try:
        completion = decode_completion(raw, ORIGIN, 1.0)
    except GatewayError as error:
        if error.code not in {"upstream_invalid", "upstream_error"}:
            raise
        return
    assert completion.carried is not None
    document = json.loads(completion.carried.body)
    for choice in document["choices"]:
        assert {"role", "content", "refusal"} <= set(choice["message"])
        assert choice["finish_reason"] in {"stop", "length", "tool_calls", "content_filter", "function_call"}


async def test_what_travels_fits_the_document_that_we_publish() -> None:
    async with body_seeds() as seeds:
        document = await published(seeds.service)
    for answer in (parameter.values[0] for parameter in recorded(stream=True)):
        with suppress(GatewayError):
            for chunk in decode(answer["raw"].encode(), 1000):
                assert chunk.carried is not None
                assert document.misfits("ChatCompletionChunk", json.loads(chunk.carried.body)) == []
    for answer in (parameter.values[0] for parameter in recorded(stream=False)):
        with suppress(GatewayError):
            completion = decode_completion((answer["raw"] or json.dumps(answer["body"])).encode(), ORIGIN, 1.0)
            assert completion.carried is not None
            assert document.misfits("ChatCompletion", json.loads(completion.carried.body)) == []
