"""One keep-alive connection of a caller: sends prepared requests and notes when the answers came."""

import asyncio
import time
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

PATH = "/v1/chat/completions"
QUESTION = b"Tell me what a proxy adds to the time of a call, and why. " * 12
_TEXT = b'"content":"w'


def message(model: str, *, stream: bool, key: str) -> bytes:
    """A request of about 1 KB, ready to be sent."""
    end = b',"stream":true,"stream_options":{"include_usage":true}' if stream else b""
    body = (
        b'{"model":"%b","messages":[{"role":"system","content":"You are brief."},{"role":"user","content":"%b"}],'
        b'"temperature":0.7,"max_tokens":256%b}' % (model.encode(), QUESTION, end)
    )
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json\r\n"
        f"user-agent: bench/1\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Answer:
    """Seconds until the end and until the first text; events with data; whether it was what was asked for."""

    ok: bool
    total: float
    first: float
    events: int


class Caller(asyncio.Protocol):
    """Ask one thing at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def connected(cls, port: int) -> "Caller":
        """One whose connection is open."""
        _, caller = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return caller

    def ask(self, request: bytes, *, stream: bool) -> "asyncio.Future[Answer]":
        """The answer to `request`; ConnectionError when the connection ends before it."""
        assert self._transport is not None
        self._stream = stream
        self._parts: list[bytes] = []
        self._size = 0
        self._length: int | None = None
        self._first = 0.0
        self._waiting = asyncio.get_running_loop().create_future()
        self._asked = time.perf_counter()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("the connection ended before the answer"))

    @override
    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            return
        self._parts.append(data)
        self._size += len(data)
        if not self._first and (not self._stream or _TEXT in data):
            self._first = time.perf_counter() - self._asked
        if self._length is None:
            self._read_head()
        if self._complete(data):
            self._finish()

    def _read_head(self) -> None:
        head, end, _ = b"".join(self._parts).partition(b"\r\n\r\n")
        if end:
            low = head.lower()
            at = low.find(b"\r\ncontent-length:")
            self._length = -1 if at < 0 else len(head) + 4 + int(low[at + 17 :].partition(b"\r\n")[0])

    def _complete(self, data: bytes) -> bool:
        if self._length is None or self._length >= 0:
            return self._length is not None and self._size >= self._length
        tail = data if len(data) >= 7 or len(self._parts) == 1 else self._parts[-2] + data
        return tail.endswith(b"\r\n0\r\n\r\n")

    def _finish(self) -> None:
        assert self._waiting is not None
        answer = b"".join(self._parts)
        good = answer.startswith(b"HTTP/1.1 200") and (not self._stream or b"data: [DONE]" in answer)
        total = time.perf_counter() - self._asked
        self._waiting.set_result(Answer(good, total, self._first or total, answer.count(b"data: {")))
