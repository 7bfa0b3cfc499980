"""A caller that leaves closes the connection to the provider: streaming, before the first byte, and non-streaming."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from typing_extensions import override

from support.running_service import RunningService, post, running_service

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNK = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":null}]}\n\n'
PHASES = {"nothing": b"", "headers": HEAD, "first chunk": HEAD + b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)}


class StuckUpstream:
    """Answers a given beginning and then nothing; tells when it was asked and when its caller was gone."""

    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        writer.write(self._beginning)
        await writer.drain()
        self.asked.set()
        try:
            await reader.read()
        except ConnectionError:
            pass
        finally:
            self.left.set()
            writer.close()


@asynccontextmanager
async def in_front_of(upstream: StuckUpstream, **settings: Any) -> AsyncIterator[RunningService]:
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, running_service(litellm_proxy_url=url, **settings) as service:
        yield service


def chat(*, stream: bool) -> bytes:
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    return post("/v1/chat/completions", json.dumps(body).encode())


@pytest.mark.parametrize("http_client", ["httptools", "aiohttp"])
@pytest.mark.parametrize(
    ("phase", "stream"), [("nothing", True), ("headers", True), ("first chunk", True), ("nothing", False)]
)
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_leaving_closes_the_upstream_connection(
    phase: str, http_client: str, how: str, *, stream: bool
) -> None:
    upstream = StuckUpstream(PHASES[phase])
    async with in_front_of(upstream, http_client=http_client) as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(chat(stream=stream))
        await upstream.asked.wait()
        if phase == "first chunk":
            await reader.readuntil(b"hi")
        if how == "rst":
            writer.transport.abort()
        else:
            writer.close()
        await upstream.left.wait()
        while not service.observer.settlements:
            await asyncio.sleep(0)
    (settled,) = service.observer.settlements
    assert settled.outcome == "cancelled"
    assert service.container.admission().in_flight == 0


async def test_leaving_an_embedding_call_closes_it_too() -> None:
    upstream = StuckUpstream(b"")
    async with in_front_of(upstream) as service, asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(post("/v1/embeddings", b'{"model":"m","input":"x"}'))
        await upstream.asked.wait()
        writer.close()
        await upstream.left.wait()


async def test_the_deadline_ends_a_silent_provider_with_504() -> None:
    upstream = StuckUpstream(b"")
    async with in_front_of(upstream, request_timeout=0.1) as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(chat(stream=False))
        answer = await reader.read()
        writer.close()
        await upstream.left.wait()
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b'"deadline_exceeded"' in answer


async def test_silence_is_filled_with_comments_and_the_deadline_then_ends_the_stream_with_one_error() -> None:
    upstream = StuckUpstream(PHASES["nothing"])
    async with in_front_of(upstream, keepalive_interval=0.05, request_timeout=0.4) as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(chat(stream=True))
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b": keep-alive\n\n") >= 1
    assert answer.count(b"data: ") == 1
    assert b'"deadline_exceeded"' in answer
    assert b"[DONE]" not in answer
    assert answer.endswith(b"0\r\n\r\n")


class Flood(StuckUpstream):
    """Sends text for as long as somebody reads it."""

    def __init__(self) -> None:
        super().__init__(HEAD)

    @override
    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = CHUNK.replace(b"hi", b"h" * 50_000)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        try:
            while True:
                writer.write(b"%x\r\n%b\r\n" % (len(text), text))
                await writer.drain()
        except ConnectionError:
            self.left.set()
        finally:
            writer.close()


async def test_a_caller_that_stops_reading_is_given_up_and_the_provider_left() -> None:
    upstream = Flood()
    async with in_front_of(upstream, write_stall_timeout=0.3) as service, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1024)
        writer.write(chat(stream=True))
        await reader.readuntil(b"\r\n")
        await upstream.left.wait()
        received = bytearray()
        with suppress(ConnectionResetError):
            while piece := await reader.read(65_536):
                received += piece
        writer.close()
    assert b"[DONE]" not in received
    assert not received.endswith(b"0\r\n\r\n")
    assert service.observer.settlements[0].outcome == "cancelled"
