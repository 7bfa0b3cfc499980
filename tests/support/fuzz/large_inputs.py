"""Single inputs near every limit, from callers and from providers: how long does one of them hold the event loop?"""

import gc
import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from support.fuzz.body_seeds import upstream_for
from support.fuzz.in_process import InProcess, Upstream

_CHAT, _EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
_PIECE = 65_536
_TRIES = 3
_MB = 1_000_000
_HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def _chat(content: Any = "hi", **fields: Any) -> bytes:
    return json.dumps(
        {**_HI, "messages": [{"role": "user", "content": content}], **fields}, ensure_ascii=False
    ).encode()


def _event(inside: bytes) -> bytes:
    return (
        b'data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m",%b}\n\ndata: [DONE]\n\n' % inside
    )


def _delta(inside: bytes) -> bytes:
    return _event(b'"choices":[{"index":0,"delta":{"role":"assistant",%b},"finish_reason":"stop"}]' % inside)


def _whole(inside: bytes) -> bytes:
    return b'{"id":"a","object":"chat.completion","created":1,"model":"m",%b}' % inside


def _message(inside: bytes) -> bytes:
    return _whole(
        b'"choices":[{"index":0,"message":{"role":"assistant","refusal":null,%b},"finish_reason":"stop"}]' % inside
    )


def _many(item: bytes, size: int) -> bytes:
    return b",".join([item] * (size // (len(item) + 1)))


FROM_CALLERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "31 MB of text": (_CHAT, lambda: _chat("x" * 31 * _MB)),
    "31 MB of two-byte letters": (_CHAT, lambda: _chat("\u00e9" * 15 * _MB)),
    "30 MB of quoted quotes": (_CHAT, lambda: _chat('"' * 15 * _MB)),
    "30 MB of escaped letters": (_CHAT, lambda: json.dumps({**_HI, "x": "\u00e9" * 5 * _MB}).encode()),
    "30 MB of opening brackets": (_CHAT, lambda: b"[" * 30 * _MB),
    "30 MB of lists and objects": (_CHAT, lambda: _chat()[:-1] + b',"x":[' + _many(b'{"a":[]}', 30 * _MB) + b"]}"),
    "30 MB of numbers": (_CHAT, lambda: _chat()[:-1] + b',"x":[' + _many(b"0.125", 30 * _MB) + b"]}"),
    "10,000 messages of 3 KB": (_CHAT, lambda: json.dumps({**_HI, "messages": [{"role": "user", "content": "x" * 3_000}] * 10_000}).encode()),
    "512 tools of 50 KB": (_CHAT, lambda: _chat(tools=[{"type": "function", "function": {"name": "f", "description": "x" * 50_000}}] * 512)),
    "9,990 unknown fields": (_CHAT, lambda: _chat(**{f"x{number}": "x" * 2_000 for number in range(9_990)})),
    "100,000 biases": (_CHAT, lambda: _chat(logit_bias={str(number): 1 for number in range(100_000)})),
    "2,048 texts of 10 KB": (_EMBEDDINGS, lambda: json.dumps({"model": "e", "input": ["x" * 10_000] * 2_048}).encode()),
}  # fmt: skip
STREAMED: dict[str, Callable[[], bytes]] = {
    "an event of 8 MB of text": lambda: _delta(b'"content":"%b"' % (b"x" * 8 * _MB)),
    "an event of 8 MB of tool calls": lambda: _delta(b'"tool_calls":[' + _many(b'{"index":0,"function":{"arguments":"a"}}', 8 * _MB) + b"]"),
    "an event of 8 MB of choices": lambda: _event(b'"choices":[' + _many(b'{"delta":{},"finish_reason":"stop"}', 8 * _MB) + b"]"),
    "an event of 8 MB of unknown objects": lambda: _event(b'"x":[' + _many(b"{}", 8 * _MB) + b'],"choices":[]'),
    "an event of 8 MB in lines of a byte": lambda: b"data:x\n" * (_MB + 100_000) + b"\n",
    "60 MB of empty events": lambda: b"data:\n\n" * 8 * _MB,
}  # fmt: skip
WHOLE: dict[str, Callable[[], bytes]] = {
    "60 MB of text": lambda: _message(b'"content":"%b"' % (b"x" * 60 * _MB)),
    "60 MB of unknown objects": lambda: _message(b'"content":"x","x":[' + _many(b"{}", 60 * _MB) + b"]"),
    "60 MB of choices": lambda: _whole(b'"choices":[' + _many(b'{"message":{},"finish_reason":"stop"}', 60 * _MB) + b"]"),
    "60 MB of tool calls": lambda: _message(b'"tool_calls":[' + _many(b'{"function":{"name":"f"}}', 60 * _MB) + b"]"),
}  # fmt: skip


class Held(Struct, frozen=True):
    """How long one input held the loop at most: CPU milliseconds, the best of a few tries."""

    name: str
    size: int
    status: int
    step_ms: float


async def measure() -> list[Held]:
    """Every input. The collector does not run meanwhile."""
    gc.disable()
    try:
        async with InProcess(upstream_for) as service:
            held = [await _held(service, name, path, make()) for name, (path, make) in FROM_CALLERS.items()]
        for stream, kind, table in ((True, "text/event-stream", STREAMED), (False, "application/json", WHOLE)):
            for name, make in table.items():
                held.append(await _from_provider(f"provider: {name}", make(), kind, _chat(stream=stream)))
                gc.collect()
        vectors = [{"index": at, "embedding": [0.123456789] * 1_536} for at in range(2_048)]
        asked = json.dumps({"model": "e", "input": ["x"] * 2_048}).encode()
        body = json.dumps({"data": vectors}).encode()
        held.append(
            await _from_provider("provider: 2,048 vectors of 1,536", body, "application/json", asked, _EMBEDDINGS)
        )
    finally:
        gc.enable()
    return held


async def _from_provider(name: str, body: bytes, kind: str, asked: bytes, path: str = _CHAT) -> Held:
    pieces = [body[at : at + _PIECE] for at in range(0, len(body), _PIECE)]
    async with InProcess(lambda _request: Upstream(headers={"content-type": kind}, pieces=pieces)) as service:
        held = await _held(service, name, path, asked)
    return Held(name, len(body), held.status, held.step_ms)


async def _held(service: InProcess, name: str, path: str, body: bytes) -> Held:
    exchanges = [await service.ask(path, body) for _ in range(_TRIES)]
    return Held(name, len(body), exchanges[0].status, min(exchange.step_ms for exchange in exchanges))
