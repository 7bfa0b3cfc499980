"""Upstream streams that went wrong in some way: mutated as JSON, as events and as bytes, and cut into pieces."""

from copy import deepcopy
from random import Random

from msgspec import Struct

from support.fuzz.mutation import change_bytes, change_value, hostile_value, pieces_of, text_of
from support.fuzz.stream_corpus import Event

# Whole events that a provider could say at any place.
HOSTILE_EVENTS = (
    b"data: [DONE]", b"data:[DONE]", b"data: [DONE] ", b"data: [done]", b"data: DONE", b"data:", b"data", b"data: ", b": comment", b":", b"event: error",
    b'data: {"error":{"message":"boom"}}', b'data: {"error":{"message":"slow","code":429,"type":"rate_limit"}}', b'data: {"error":"text"}',
    b'data: {"error":{"message":"bad","code":400,"param":"messages"}}', b'data: {"error":{"message":"no","code":"401"}}',
    b'data: {"error":null}', b'data: {"error":{}}', b'data: {"error":[]}', b'data: {"error":false}', b'error: {"message":"boom"}', b"event: error\ndata: boom",
    b'event: error\ndata: {"error":{"message":"boom"}}', b'data: {"message":"boom"}', b"data: null", b"data: []", b"data: {}", b"data: 1",
    b'data: {"choices":[]}', b'data: {"choices":null}', b'data: {"choices":[{}]}', b'data: {"choices":[{"finish_reason":"stop"}]}', b'data: {"choices":[null]}',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', b'data: {"choices":[{"index":7,"delta":{"content":"late"}}]}',
    b'data: {"choices":[{"index":-1,"delta":{},"finish_reason":"stop"}]}', b'data: {"choices":[{"index":1e3,"delta":{},"finish_reason":"stop"}]}',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}', b'data: {"usage":{"prompt_tokens":-1,"completion_tokens":1e99}}',
    b'data: {"usage":{"prompt_tokens":1,"completion_tokens":99999999999999999999}}', b'data: {"usage":"many","choices":[]}', b"<html><body>busy</body></html>",
    b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html", b"id: 1\nretry: 1", b"retry: 99999999999", b"\0", b"data: \0", b"data: \xff\xfe", b"data: \xe2\x80\xa8",
    b"data: " + b"[" * 5_000, b"data: " + b'{"a":' * 5_000, b"data: " + b"9" * 10_000, b"x" * 30_000, b"data: " + b"x" * 30_000,
)  # fmt: skip
TOO_LARGE = (
    b"data: " + b"x" * 70_000,
    b"x" * 200_000,
    b'data: {"choices":[{"delta":{"content":"' + b"x" * 70_000 + b'"}}]}',
)


class Mutated(Struct, frozen=True):
    """What the provider sends. `changes` says how many of its kinds of change were made."""

    body: bytes
    pieces: list[bytes]
    breaks: bool
    changes: int


def mutate_stream(events: list[Event], rng: Random) -> Mutated:
    """The stream with up to four changes: none in one of twenty, so that good ones are seen to end well."""
    changes = rng.choices((0, 1, 2, 3, 4), (1, 9, 5, 3, 2))[0]
    levels = [rng.random() for _ in range(changes)]
    events = deepcopy(events)
    for draw in levels:
        if draw < 0.4:
            _change_chunk(events, rng)
    blocks = [_block(event, rng) for event in events]
    for draw in levels:
        if 0.4 <= draw < 0.7:
            blocks = _change_events(blocks, rng)
    end = rng.choices((b"\n\n", b"\r\n\r\n", b"\r\r"), (8, 1, 1))[0]
    body = end.join([*blocks, b""])
    for draw in levels:
        if draw >= 0.7:
            body = change_bytes(body, rng)
    breaks = changes > 0 and rng.random() < 0.1
    return Mutated(body, pieces_of(body, rng), breaks, changes)


def _change_chunk(events: list[Event], rng: Random) -> None:
    chunks = [event for event in events if isinstance(event, dict)]
    if not chunks:
        return
    if rng.random() < 0.08:  # the same wrong thing all along, as a provider with a quirk sends it
        name = rng.choice(("id", "created", "model", "object", "choices", "usage", "service_tier", "x"))
        value = hostile_value(rng)
        for chunk in chunks:
            chunk[name] = value
        return
    change_value(rng.choice(chunks), rng)


def _block(event: Event, rng: Random) -> bytes:
    text = event if isinstance(event, str) else text_of(event, rng)
    return b"data: " + text.encode("utf-8", "surrogatepass")


def _change_events(blocks: list[bytes], rng: Random) -> list[bytes]:
    at, other = (rng.randrange(len(blocks)) for _ in range(2)) if blocks else (0, 0)
    draw = rng.random()
    if draw < 0.2:
        return blocks[:at] + blocks[at + 1 :]
    if draw < 0.3:
        return blocks[: at + 1] + blocks[at:]
    if draw < 0.4 and blocks:
        blocks[at], blocks[other] = blocks[other], blocks[at]
        return blocks
    if draw < 0.5:
        return blocks[:at]
    if draw < 0.6 and blocks:  # one event in several lines of data, between two tokens or not
        cut = rng.randrange(6, max(7, len(blocks[at])))
        blocks[at] = blocks[at][:cut] + b"\ndata: " + blocks[at][cut:]
        return blocks
    hostile = rng.choice(TOO_LARGE if rng.random() < 0.01 else HOSTILE_EVENTS)
    return [*blocks[:at], hostile, *blocks[at:]]
