"""What no provider should send, in every place where it could stand: an upstream error, never one of ours."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from adapters.dialects.litellm.errors import classify, error_from
from adapters.dialects.openai.decode import decode_completion
from adapters.dialects.openai.errors import read_fault
from adapters.dialects.openai.stream import ChatStreamDecoder
from adapters.dialects.openai.usage import read_cost, read_usage
from adapters.dialects.openai.vectors import decode_embeddings
from adapters.dialects.openai.wire import WireFault
from domain.model.completion import Provenance
from domain.model.errors import GatewayError, InvalidRequest, UpstreamError, UpstreamInvalid
from domain.model.stream import Chunk
from domain.policies.completeness import StreamTally
from domain.policies.structure import PIECE

ORIGIN = Provenance(provider="p", model="asked")
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}, "cost": 1.5}
DELTA = {"role": "assistant", "content": "Hi", "refusal": None, "reasoning": "hm", "tool_calls": [CALL], "zz": "z"}
CHOICE = {"index": 0, "finish_reason": "stop", "logprobs": {"content": []}, "zz": "z"}
CHUNK = {**HEAD, "choices": [{**CHOICE, "delta": DELTA}], "usage": USAGE, "error": None, "zz": {"y": "z"}}
ANSWER = {**CHUNK, "object": "chat.completion", "choices": [{**CHOICE, "message": DELTA}]}
VECTORS = {"model": "m", "data": [{"index": 0, "embedding": [0.5], "zz": "z"}], "usage": USAGE, "zz": "z"}
FAULT = {"error": {"message": "boom", "type": "t", "param": "p", "code": "500", "zz": "z"}, "detail": "d"}
PLACE = "\u0000place"


def is_json(body: bytes) -> None:
    with suppress(RecursionError):  # of the reader here, which goes less deep
        json.loads(body, parse_int=float)  # numbers of any length


def in_chunk(data: bytes) -> None:
    for first in (
        b"",
        b'data: {"id":"c1","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
    ):
        decoder = ChatStreamDecoder("m", 1.0, 1 << 24, classify)
        chunks: list[Chunk] = decoder.feed(first)
        chunks += decoder.feed(b"data: " + data + b"\n\n")
        chunks += decoder.feed(b"")
        chunks += decoder.close()
        tally = StreamTally()
        for chunk in chunks:
            tally.see(chunk)
            assert chunk.carried is not None
            is_json(chunk.carried.body)


def in_answer(data: bytes) -> None:
    completion = decode_completion(data, ORIGIN, 1.0)
    assert completion.carried is not None
    is_json(completion.carried.body)


def in_vectors(data: bytes) -> None:
    for encoding in ("float", "base64"):
        msgspec.json.encode(decode_embeddings(data, ORIGIN, encoding, 1))


def in_fault(data: bytes) -> None:
    assert isinstance(error_from(500, {}, data), GatewayError)


def in_fault_of_a_stream(data: bytes) -> None:
    decoder = ChatStreamDecoder("m", 1.0, 1 << 24, classify)
    decoder.feed(b"event: error\ndata: " + data + b"\n\nerror: " + data + b"\n\n")


READERS: dict[str, tuple[Callable[[bytes], None], dict[str, Any]]] = {
    "chunk": (in_chunk, CHUNK),
    "answer": (in_answer, ANSWER),
    "embeddings": (in_vectors, VECTORS),
    "error": (in_fault, FAULT),
    "error in a stream": (in_fault_of_a_stream, FAULT),
}


def with_place(value: Any) -> Iterator[Any]:
    """The value once for each place in it, with PLACE there instead of what stands there."""
    yield PLACE
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ({**value, name: other} for other in with_place(inner))
    if isinstance(value, list):
        for position, inner in enumerate(value):
            yield from ([*value[:position], other, *value[position + 1 :]] for other in with_place(inner))


DOCUMENTS = [
    pytest.param(read, json.dumps(document).encode().partition(json.dumps(PLACE).encode()), id=f"{name} {number}")
    for name, (read, template) in READERS.items()
    for number, document in enumerate(with_place(template))
]
Parts = tuple[bytes, bytes, bytes]


@pytest.mark.parametrize(("read", "parts"), DOCUMENTS)
def test_bytes_that_are_not_utf_8_are_refused_wherever_they_stand(
    read: Callable[[bytes], None], parts: Parts
) -> None:
    before, _, behind = parts
    for bad in (b"\xff\xfe\xc3", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"):
        if read is in_fault:
            read(before + b'"' + bad + b'"' + behind)
            continue
        with pytest.raises(UpstreamError):
            read(before + b'"' + bad + b'"' + behind)


def test_undecodable_fields_that_nobody_reads_are_invalid_and_not_passed_on() -> None:
    for data in (b'"zz":"\xff"', b'"zz\xff":1', b'"usage":"\xff"', b'"zz":{"y":["\xff"]}'):
        chunk = json.dumps({**HEAD, "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]})
        with pytest.raises(UpstreamInvalid):
            in_chunk(chunk.encode()[:-1] + b"," + data + b"}")
        with pytest.raises(UpstreamInvalid):
            in_answer(json.dumps(ANSWER).encode()[:-1] + b"," + data + b"}")
        with pytest.raises(UpstreamInvalid):
            in_vectors(json.dumps(VECTORS).encode()[:-1] + b"," + data + b"}")


def test_text_that_is_utf_8_passes_as_it_is() -> None:
    odd = "é\u2028\U0001f600\ufeff\ufffd\uffff\u202e"
    in_chunk(json.dumps({**CHUNK, "zz": odd}, ensure_ascii=False).encode())
    in_answer(json.dumps({**ANSWER, "zz": odd}, ensure_ascii=False).encode())
    in_vectors(json.dumps({**VECTORS, "zz": odd}, ensure_ascii=False).encode())


DEEP = [
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000,
]


@pytest.mark.parametrize(("read", "parts"), DOCUMENTS)
def test_what_is_nested_without_end_is_refused_wherever_it_stands(
    read: Callable[[bytes], None], parts: Parts
) -> None:
    before, _, behind = parts
    for deep in DEEP:
        if read is in_fault:
            read(before + deep + behind)
            continue
        with pytest.raises(UpstreamError):
            read(before + deep + behind)


@pytest.mark.parametrize(("read", "parts"), DOCUMENTS)
def test_what_is_nested_as_deeply_as_can_just_be_read_is_no_error_of_ours(
    read: Callable[[bytes], None], parts: Parts
) -> None:
    """What is decoded once may not be decodable a second time, a few calls further in."""
    before, _, behind = parts
    for depth in range(900, 1000):
        with suppress(GatewayError):
            read(before + b"[" * depth + b"]" * depth + behind)


NASTY = [
    b"null", b"true", b"0", b"-1", b"1.5", b"1e30", b"1e400", b"-1e400", b"1" + b"0" * 30, b"9" * 5000, b"18446744073709551616",
    b'""', b'"x"', b'"\\ud800"', b'"\\u0000"', b'"\xc2\xb2"', b'"9999999999999999999999"', b'"' + b" " * 20_000 + b'"', b"[]",
    b"{}", b"[null]", b"[[]]", b"[{}]", b'{"":null}', b"NaN", b"Infinity", b"'x'", b"", b'"error"', b'[{"id":"a"},{"id":"a"}]',
]  # fmt: skip


@pytest.mark.parametrize(("read", "parts"), DOCUMENTS)
def test_whatever_stands_wherever_is_read_or_refused(read: Callable[[bytes], None], parts: Parts) -> None:
    before, _, behind = parts
    for nasty in NASTY:
        with suppress(GatewayError):
            read(before + nasty + behind)


@pytest.mark.parametrize("deep", DEEP)
def test_parts_read_by_themselves_are_unknown(deep: bytes) -> None:
    raw = msgspec.Raw(deep)
    assert read_usage(raw) is not None
    assert read_cost(raw) is None
    assert read_fault(deep) is None
    assert read_fault(b'{"error":' + deep[:50] + b"}") is None


@pytest.mark.parametrize("code", ["\u00b2", "9" * 10_000, "0429", "-429", "\u0664\u0662\u0669", "42", "429x"])
def test_a_code_that_is_no_status_is_none(code: str) -> None:
    assert type(classify(WireFault(message="x", code=code), 400)) is InvalidRequest


def test_a_text_of_nothing_but_spaces_takes_no_time_by_its_square() -> None:
    assert classify(WireFault(message=" " * 3_000_000 + "x")).message == "The request failed."


@pytest.mark.parametrize("message", ["\u202e", "\u0000\n", " ", "", "\ufeff\u200b"])
def test_no_error_is_told_without_a_word(message: str) -> None:
    assert classify(WireFault(message=message)).message
    assert UpstreamInvalid(message).message == "The request failed."


MORE = {"choices": 129, "tool_calls": 1025}


@pytest.mark.parametrize("what", MORE)
def test_a_stream_with_more_than_anybody_asks_for_is_invalid(what: str) -> None:
    decoder = ChatStreamDecoder("m", 1.0, 1 << 24, classify)
    for number in range(MORE[what] - 1):
        decoder.feed(event(what, number))
    with pytest.raises(UpstreamInvalid, match="too many"):
        decoder.feed(event(what, MORE[what]))


def event(what: str, number: int) -> bytes:
    choice: dict[str, Any] = {"index": number, "delta": {"content": "x"}}
    if what == "tool_calls":
        choice = {"index": 0, "delta": {"tool_calls": [{"id": f"call-{number}", "function": {"arguments": ""}}]}}
    return b"data: " + json.dumps({**HEAD, "choices": [choice]}).encode() + b"\n\n"


def long_event(inside: bytes) -> bytes:
    return b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{%b}}]}\n\n' % inside


@pytest.mark.parametrize(
    "inside",
    [
        b'"tool_calls":[' + b",".join([b'{"index":0,"function":{"arguments":"a"}}'] * 100_000) + b"]",
        b'"x":' + b"[" * 600 + b"]" * 600 + b',"content":"' + b"x" * PIECE + b'"',
        b'"x":' + b"[" * 8_000_000,
    ],
    ids=["pieces", "levels", "without end"],
)
def test_a_long_event_of_too_much_structure_is_refused_before_it_is_decoded(inside: bytes) -> None:
    decoder = ChatStreamDecoder("m", 1.0, 1 << 24, classify)
    with pytest.raises(UpstreamInvalid, match="more structure"):
        decoder.feed(long_event(inside))


def test_a_long_event_of_text_or_of_many_pieces_is_read() -> None:
    for inside in (
        b'"content":"%b"' % (b"[{" * PIECE),
        b'"tool_calls":[' + b",".join([b'{"index":0,"function":{"arguments":"a"}}'] * 30_000) + b"]",
    ):
        decoder = ChatStreamDecoder("m", 1.0, 1 << 24, classify)
        (chunk,) = decoder.feed(long_event(inside))
        assert chunk.deltas[0].has_content
