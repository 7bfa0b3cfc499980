"""An OpenAI-like provider on a real socket, in a thread of its own: the last message's text picks the behaviour.

What breaks in the middle waits until the test says so, so that a proxy in between has passed on what came before.
"""

import asyncio
import base64
import json
import queue
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

HEAD = {"id": "chatcmpl-up", "created": 1700000000, "model": "scripted-2026"}
USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
CALLS: list[dict[str, Any]] = [
    {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
    {"id": "call_b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
]
CALLS_OF = {"tool": CALLS[:1], "parallel": CALLS}
PIECES_OF = {"json": ['{"name"', ':"x"}'], "cut off": ["He", "llo"]}
PIECES = ["He", "llo", " wor", "ld"]
VECTOR = (0.5, -0.25)
HELD_STREAMS = {"cut", "error mid-stream", "hang mid-stream"}
UNFINISHED = {"clean end", *HELD_STREAMS}
EXPLODED = {"message": "upstream exploded", "type": "server_error", "param": None, "code": "overloaded"}

_HELD_S = 30


def _error(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


_TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
_FLAGGED = "Your request was rejected as a result of our safety system."
ERRORS: dict[str, tuple[int, dict[str, Any], str]] = {
    "429": (429, _error("Rate limit reached", "requests", None, "rate_limit_exceeded"), "retry-after: 7\r\n"),
    "500": (500, _error("boom", "server_error", None, None), ""),
    "too long": (400, _error(_TOO_LONG, "invalid_request_error", "messages", "context_length_exceeded"), ""),
    "flagged": (400, _error(_FLAGGED, "invalid_request_error", None, "content_policy_violation"), ""),
    "bad key": (401, _error("Incorrect API key provided.", "invalid_request_error", None, "invalid_api_key"), ""),
}


class Asked(Struct, frozen=True):
    """A request as it came; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Held:
    """A call that gets no further until the test releases it or the peer closes the connection."""

    def __init__(self) -> None:
        self.peer_closed = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let the script go on; from any thread."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def over(self, reader: asyncio.StreamReader) -> None:
        """Come back when released. Raises ConnectionError when the peer has closed."""
        released = asyncio.ensure_future(self._released.wait())
        gone = asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                self.peer_closed.set()
                raise ConnectionError(gone.exception())
        finally:
            released.cancel()
            gone.cancel()


class ScriptedOpenAI:
    """What it was asked, and the calls it holds. Safe to read from other threads."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self._held: queue.SimpleQueue[Held] = queue.SimpleQueue()
        self._writers: set[asyncio.StreamWriter] = set()
        self._closing = False

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all that was posted, oldest first."""
        return [asked.body for asked in self.asked if asked.method == "POST"]

    def held(self) -> Held:
        """The oldest call that is held and was not taken yet; waits for it. Raises queue.Empty after 30 s."""
        return self._held.get(timeout=_HELD_S)

    async def hang_up(self) -> None:
        """Close every connection, also one that was just accepted, and come back when nobody works on any."""
        self._closing = True
        while working := asyncio.all_tasks() - {asyncio.current_task()}:
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.wait(working)
        await asyncio.sleep(0)  # the loop tells the last connections that they are lost

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._closing:
            writer.transport.abort()
        try:
            while True:
                await self._answer(await _read(reader), reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.remove(writer)
            writer.close()

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(asked)
        if asked.path == "/v1/embeddings":
            _json(writer, 200, vectors(asked.body))
        elif asked.path == "/v1/chat/completions":
            await self._chat(asked.body, reader, writer)
        elif asked.path == "/v1/models":  # LiteLLM asks when it starts
            _json(writer, 200, {"object": "list", "data": []})
        else:
            _json(writer, 404, _error(f"There is no {asked.path}.", "invalid_request_error", None, None))

    async def _chat(self, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = body["messages"][-1]["content"]
        if text in ERRORS:
            _json(writer, *ERRORS[text])
        elif body.get("stream"):
            await self._stream(text, body, reader, writer)
        else:
            if text == "hang":
                await self._hold(reader)
            _json(writer, 200, whole(text))

    async def _stream(
        self, text: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for delta, finish in deltas(text):
            _event(writer, _chunk([{"index": 0, "delta": delta, "finish_reason": finish}]))
            await writer.drain()
        if text in HELD_STREAMS:
            await self._hold(reader)
        if text == "cut":
            writer.transport.abort()
            raise ConnectionError
        if text == "error mid-stream":
            _event(writer, {"error": EXPLODED})
        if text not in UNFINISHED:
            if (body.get("stream_options") or {}).get("include_usage"):
                _event(writer, _chunk([]) | {"usage": USAGE})
            _send(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")

    async def _hold(self, reader: asyncio.StreamReader) -> None:
        held = Held()
        self._held.put(held)
        await held.over(reader)


def deltas(text: str) -> list[tuple[dict[str, Any], str | None]]:
    """The pieces of a streamed answer; the last has the finish reason, unless the answer is never finished."""
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for index, call in enumerate(CALLS_OF.get(text, [])):
        function = call["function"]
        begun = {"index": index, **call, "function": {"name": function["name"], "arguments": ""}}
        pieces.append({"tool_calls": [begun]})
        # One character at a time, as no tokeniser would: whoever puts them together must rely on nothing.
        pieces += [
            {"tool_calls": [{"index": index, "function": {"arguments": one}}]} for one in function["arguments"]
        ]
    if text in UNFINISHED:
        return [(piece, None) for piece in [*pieces, *({"content": part} for part in PIECES[:2])]]
    if text not in CALLS_OF:
        pieces += [{"content": part} for part in PIECES_OF.get(text, PIECES)]
    return [*((piece, None) for piece in pieces), ({}, _finish(text))]


def whole(text: str) -> dict[str, Any]:
    """An answer in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(PIECES_OF.get(text, PIECES))}
    if text in CALLS_OF:
        message |= {"content": None, "tool_calls": CALLS_OF[text]}
    choice = {"index": 0, "message": message, "finish_reason": _finish(text)}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def _finish(text: str) -> str:
    return "tool_calls" if text in CALLS_OF else {"cut off": "content_filter"}.get(text, "stop")


def vectors(body: dict[str, Any]) -> dict[str, Any]:
    """Embeddings, written as asked for: numbers, or little-endian 32-bit floats in base64."""
    packed = base64.b64encode(struct.pack("<2f", *VECTOR)).decode()
    embedding = packed if body.get("encoding_format") == "base64" else list(VECTOR)
    count = len(body["input"]) if isinstance(body["input"], list) else 1
    rows = [{"object": "embedding", "index": index, "embedding": embedding} for index in range(count)]
    return {"object": "list", "model": body["model"], "data": rows, "usage": {"prompt_tokens": 3, "total_tokens": 3}}


async def _read(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split()
    return Asked(method, path, headers, json.loads(body or b"{}"))


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {**HEAD, "object": "chat.completion.chunk", "choices": choices}


def _event(writer: asyncio.StreamWriter, value: dict[str, Any]) -> None:
    _send(writer, b"data: " + json.dumps(value).encode() + b"\n\n")


def _send(writer: asyncio.StreamWriter, event: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))


def _json(writer: asyncio.StreamWriter, status: int, value: dict[str, Any], headers: str = "") -> None:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    writer.write(head.encode() + body)


@contextmanager
def scripted_openai() -> Iterator[ScriptedOpenAI]:
    """One that listens, until the block is left."""
    upstream = ScriptedOpenAI()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(upstream, "127.0.0.1", 0)
        upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await stop.wait()
        # Not `async with`: from Python 3.12 on that waits for the callers that are still connected.
        server.close()
        await upstream.hang_up()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(5), "the scripted provider does not listen"
        yield upstream
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
