"""An OpenAI-like provider on a real socket, in a thread of its own: the last message's text picks the behaviour."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HEAD = {"id": "chatcmpl-up", "created": 1700000000, "model": "scripted-2026"}
USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
CALLS = [
    {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
    {"id": "call_b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
]
ERRORS: dict[str, tuple[int, dict[str, Any], str]] = {
    "429": (
        429,
        {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"},
        "retry-after: 7\r\n",
    ),
    "500": (500, {"message": "boom", "type": "server_error", "param": None, "code": None}, ""),
    "too long": (
        400,
        {
            "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
        "",
    ),
    "bad key": (
        401,
        {
            "message": "Incorrect API key provided: sk-abc***xyz.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        },
        "",
    ),
}


class ScriptedOpenAI:
    """What it was asked, and events of a caller that hangs and one that is gone. Safe to read from other threads."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.hanging = threading.Event()
        self.closed = threading.Event()
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                raw = await reader.readexactly(int(length[0].split(b":")[1])) if length else b"{}"
                await self._answer(json.loads(raw), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.bodies.append(body)
        if "input" in body:
            _json(writer, 200, vectors(body))
            return
        text = body["messages"][-1]["content"]
        if text in ERRORS:
            status, error, headers = ERRORS[text]
            _json(writer, status, {"error": error}, headers)
        elif body.get("stream"):
            await self._stream(text, body, reader, writer)
        elif text == "hang":
            await self._hang(reader)
        else:
            _json(writer, 200, whole(text))
        await writer.drain()

    async def _stream(
        self, text: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for delta, finish in deltas(text):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            _event(writer, {**HEAD, "object": "chat.completion.chunk", "choices": [choice]})
            await writer.drain()
        if text == "hang mid-stream":
            await self._hang(reader)
        if text == "error mid-stream":
            _event(
                writer,
                {
                    "error": {
                        "message": "upstream exploded",
                        "type": "server_error",
                        "param": None,
                        "code": "overloaded",
                    }
                },
            )
        if text == "cut":
            writer.transport.abort()
            raise ConnectionError
        if text not in {"clean end", "error mid-stream"}:
            if (body.get("stream_options") or {}).get("include_usage"):
                _event(writer, {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
            writer.write(b"e\r\ndata: [DONE]\n\n\r\n")
        writer.write(b"0\r\n\r\n")

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        self.hanging.set()
        try:
            await reader.read()
        finally:
            self.closed.set()
        raise ConnectionError


def deltas(text: str) -> list[tuple[dict[str, Any], str | None]]:
    """The pieces of a streamed answer, with the finish reason of the last."""
    begin: dict[str, Any] = {"role": "assistant", "content": ""}
    if text in {"tool", "parallel"}:
        found: list[tuple[dict[str, Any], str | None]] = [(begin, None)]
        for index, call in enumerate(CALLS if text == "parallel" else CALLS[:1]):
            function: Any = call["function"]
            found.append(
                (
                    {
                        "tool_calls": [
                            {
                                "index": index,
                                "id": call["id"],
                                "type": "function",
                                "function": {"name": function["name"], "arguments": ""},
                            }
                        ]
                    },
                    None,
                )
            )
            found.extend(
                ({"tool_calls": [{"index": index, "function": {"arguments": part}}]}, None)
                for part in function["arguments"]
            )
        return [*found, ({}, "tool_calls")]
    pieces: list[tuple[dict[str, Any], str | None]] = [
        (begin, None),
        *(({"content": part}, None) for part in ("He", "llo", " wor", "ld")),
    ]
    return (
        pieces[:3] if text in {"clean end", "cut", "error mid-stream", "hang mid-stream"} else [*pieces, ({}, "stop")]
    )


def whole(text: str) -> dict[str, Any]:
    """A whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": "Hello world"}
    finish = "stop"
    if text in {"tool", "parallel"}:
        message, finish = (
            {"role": "assistant", "content": None, "tool_calls": CALLS if text == "parallel" else CALLS[:1]},
            "tool_calls",
        )
    if text == "json":
        message = {"role": "assistant", "content": '{"name":"x"}'}
    return {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": USAGE,
    }


def vectors(body: dict[str, Any]) -> dict[str, Any]:
    """Embeddings, as asked for."""
    packed = body.get("encoding_format") == "base64"
    count = len(body["input"]) if isinstance(body["input"], list) else 1
    data = [
        {"object": "embedding", "index": index, "embedding": "AAAAPwAAgL4=" if packed else [0.5, -0.25]}
        for index in range(count)
    ]
    return {"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def _event(writer: asyncio.StreamWriter, value: dict[str, Any]) -> None:
    event = b"data: " + json.dumps(value).encode() + b"\n\n"
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))


def _json(writer: asyncio.StreamWriter, status: int, value: dict[str, Any], headers: str = "") -> None:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    writer.write(head.encode() + body)


@contextmanager
def scripted_openai() -> Iterator[ScriptedOpenAI]:
    """One that listens, until the block is left."""
    upstream = ScriptedOpenAI()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(upstream, "127.0.0.1", 0)
        upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    ready.wait(5)
    try:
        yield upstream
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
