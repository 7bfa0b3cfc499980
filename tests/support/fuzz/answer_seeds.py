"""Seeds of whole answers: any mutation of a valid completion or embedding is a valid answer or an error, never a 500."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from random import Random
from typing import Any

from msgspec import Struct

from support.fuzz.in_process import Exchange, InProcess, Upstream
from support.fuzz.judge import contents, loaded, numbers, vectors_may_be_an_answer, whole_may_be_an_answer
from support.fuzz.mutation import change_bytes, change_value, pieces_of, text_of
from support.fuzz.published import Published, published
from support.fuzz.stream_client import FINISH_REASONS, labelled, need, strict_json
from support.fuzz.verdicts import Verdict, generator, is_utf8, judged, refused, settled

_HEAD = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_760_000_000,
    "model": "m-1",
    "system_fingerprint": "fp_1",
}
_USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21,
    "completion_tokens_details": {"reasoning_tokens": 3},
}
_CALL = {"id": "call_a", "type": "function", "function": {"name": "sum", "arguments": "{}"}}


def _choice(message: dict[str, Any], reason: str = "stop", index: int = 0) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", "content": None, "refusal": None, **message},
        "logprobs": None,
        "finish_reason": reason,
    }


COMPLETIONS: dict[str, dict[str, Any]] = {
    "plain": {**_HEAD, "choices": [_choice({"content": "Hello w\u00f6rld \u2028"})], "usage": _USAGE},
    "two choices": {**_HEAD, "choices": [_choice({"content": "a"}), _choice({"content": "b"}, "length", 1)], "usage": _USAGE},
    "tools": {**_HEAD, "choices": [_choice({"tool_calls": [_CALL, _CALL | {"id": "call_b"}]}, "tool_calls")], "usage": _USAGE},
    "a custom tool": {**_HEAD, "choices": [_choice({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]}, "tool_calls")], "usage": _USAGE},
    "refusal": {**_HEAD, "choices": [_choice({"refusal": "No."}, "content_filter")], "usage": _USAGE},
    "a legacy function": {**_HEAD, "choices": [_choice({"function_call": {"name": "sum", "arguments": "{}"}}, "function_call")], "usage": _USAGE},
    "reasoning": {**_HEAD, "choices": [_choice({"content": "42", "reasoning_content": "Well, so"})], "usage": _USAGE},
    "loose": {"choices": [{"message": {"content": "Hi", "tool_calls": None}, "finish_reason": "eos"}]},
}  # fmt: skip
_VECTORS: list[Any] = [[0.25, -0.5, 1], [0.5, 1e-3, 0], "AACAPwAAAD8AAAAA"]


def _embeddings(first: int, inputs: int) -> dict[str, Any]:
    data = [{"object": "embedding", "index": at, "embedding": _VECTORS[(first + at) % 3]} for at in range(inputs)]
    return {"object": "list", "data": data, "model": "e-1", "usage": {"prompt_tokens": 5, "total_tokens": 5}}


_CHAT_PATH = "/v1/chat/completions"
_CHAT_REQUEST: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class Case(Struct, frozen=True, kw_only=True):
    """One upstream answer to one request. `inputs` is how many texts were to be embedded, 0 for a chat."""

    path: str
    request: bytes
    inputs: int
    body: bytes
    upstream: Upstream
    changes: int


def _chat(rng: Random) -> tuple[str, dict[str, Any], int, dict[str, Any]]:
    return _CHAT_PATH, _CHAT_REQUEST, 0, rng.choice(list(COMPLETIONS.values()))


def _vectors(rng: Random) -> tuple[str, dict[str, Any], int, dict[str, Any]]:
    inputs = rng.choice((1, 2, 3))
    request = {"model": "e", "input": ["text"] * inputs, "encoding_format": rng.choice(("float", "base64"))}
    return "/v1/embeddings", request, inputs, _embeddings(rng.randrange(3), inputs)


def make_case(seed: int) -> Case:
    """The case of a seed."""
    rng = generator(seed)
    path, request, inputs, document = rng.choice((_chat, _chat, _vectors))(rng)
    changes = rng.choices((0, 1, 2, 3, 4), (1, 9, 5, 3, 2))[0]
    levels = [rng.random() for _ in range(changes)]
    document = deepcopy(document)
    for draw in levels:
        if draw < 0.65:
            change_value(document, rng)
    body = text_of(document, rng).encode("utf-8", "surrogatepass")
    for draw in levels:
        if draw >= 0.65:
            body = change_bytes(body, rng)
    status = rng.choice((201, 204, 400, 401, 429, 500, 503)) if changes and rng.random() < 0.04 else 200
    upstream = Upstream(
        status=status,
        headers={"content-type": rng.choice(("application/json", "text/html")) if changes else "application/json"},
        pieces=pieces_of(body, rng),
        breaks=changes > 0 and rng.random() < 0.05,
    )
    return Case(
        path=path, request=json.dumps(request).encode(), inputs=inputs, body=body, upstream=upstream, changes=changes
    )


def completion_case(body: bytes) -> Case:
    """A whole answer of these bytes to a chat."""
    upstream = Upstream(headers={"content-type": "application/json"}, pieces=[body])
    return Case(
        path=_CHAT_PATH, request=json.dumps(_CHAT_REQUEST).encode(), inputs=0, body=body, upstream=upstream, changes=1
    )


def embedding_case(body: bytes, inputs: int, encoding: str) -> Case:
    """The same to so many texts that were to be embedded."""
    upstream = Upstream(headers={"content-type": "application/json"}, pieces=[body])
    request = json.dumps({"model": "e", "input": ["text"] * inputs, "encoding_format": encoding}).encode()
    return Case(path="/v1/embeddings", request=request, inputs=inputs, body=body, upstream=upstream, changes=1)


def judge(exchange: Exchange, case: Case, document: Published) -> str:
    """How the answer ended. Raises Broken where a promise was."""
    need(len(exchange.requests) == 1, f"{len(exchange.requests)} upstream requests")
    record = settled(exchange)
    kind = "embeddings" if case.inputs else "chat"
    if exchange.status != 200:
        refused(exchange)
        need(case.changes, "a valid answer was refused")
        need(record.outcome in ("failed", "rejected"), f"{exchange.status} settled as {record.outcome}")
        return f"{kind} {exchange.status}"
    need(record.outcome == "ok", f"200 settled as {record.outcome}")
    need(exchange.headers.get(b"content-type") == b"application/json", "content-type")
    need(int(exchange.headers.get(b"content-length", b"-1")) == len(exchange.body), "content-length")
    need(is_utf8(exchange.body), "invalid UTF-8 was passed on")
    need(not case.upstream.breaks, "FALSE END: an answer that broke off")
    answer = strict_json(exchange.body.decode())
    misfits = document.misfits("EmbeddingList" if case.inputs else "ChatCompletion", answer)
    faults = _vector_faults(answer, case) if case.inputs else _choice_faults(answer, case)
    return labelled(f"{kind} 200", [*misfits, *faults])


def _choice_faults(answer: Any, case: Case) -> Iterator[str]:
    if not whole_may_be_an_answer(case.body):
        yield "FALSE END: an answer that does not say why it ended"
    elif contents(answer) != contents(loaded(case.body)):
        yield "text was lost or changed"
    indexes = [choice.get("index") for choice in answer["choices"]]
    if len(set(indexes)) < len(indexes):
        yield "two choices of one index"
    for choice in answer["choices"]:
        if choice.get("finish_reason") not in FINISH_REASONS:
            yield "finish_reason"
        if not {"role", "content", "refusal"} <= set(choice.get("message") or {}):
            yield "a message without its members"


def _vector_faults(answer: Any, case: Case) -> Iterator[str]:
    if not vectors_may_be_an_answer(case.body, case.inputs):
        yield "FALSE END: not one vector for each input"
    elif [item["index"] for item in answer["data"]] != list(range(case.inputs)):
        yield "vectors out of order"
    elif None in numbers(answer):
        yield "a packed vector that is none"
    elif numbers(answer) != numbers(loaded(case.body)):
        yield "numbers were changed"


class AnswerSeeds:
    """Implements support.fuzz.verdicts.Seeds over valid answers."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self.service = InProcess(lambda _request: self.case.upstream)

    @property
    def case(self) -> Case:
        """The case under way."""
        assert self._case is not None
        return self._case

    async def one(self, seed: int) -> Verdict:
        """See support.fuzz.verdicts."""
        return await self.answer(make_case(seed))

    async def answer(self, case: Case) -> Verdict:
        """The verdict on a case."""
        document = await published(self.service)
        self._case = case
        exchange = await self.service.ask(case.path, case.request)
        return judged(exchange, lambda found: judge(found, case, document), upstream=case.body)


@asynccontextmanager
async def answer_seeds() -> AsyncIterator[AnswerSeeds]:
    """Over completions and embeddings that were made by hand."""
    seeds = AnswerSeeds()
    async with seeds.service:
        yield seeds
