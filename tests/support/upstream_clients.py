"""Every client behind the network seam, and what their suites share. A new client is one line in CLIENTS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from adapters.upstream_http.aiohttp_client import AiohttpUpstream
from adapters.upstream_http.httptools_client.client import HttptoolsUpstream
from domain.model.errors import UpstreamError
from domain.model.limits import UpstreamLimits
from ports.upstream_http import UpstreamHttp, UpstreamRequest, whole_body
from support.wire_server import Script, WireServer

LIMITS = UpstreamLimits(connect_timeout=0.3, max_body_bytes=1_000_000)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Thing: One\r\n"
SHORT = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
Outcome = bytes | type[UpstreamError]


class Make(Protocol):
    """How a client is built: `tls` None means the default context, which verifies."""

    def __call__(self, *, limits: UpstreamLimits, tls: ssl.SSLContext | None = None) -> UpstreamHttp: ...


CLIENTS = [
    pytest.param(AiohttpUpstream, id="aiohttp"),
    pytest.param(HttptoolsUpstream, id="httptools"),
]


def clients_but(**reasons: str) -> pytest.MarkDecorator:
    """For a promise that some clients are known to break: `clients_but(aiohttp="why")`. Fails once they keep it."""
    assert reasons.keys() <= {row.id for row in CLIENTS}
    rows = [
        pytest.param(*row.values, id=row.id, marks=pytest.mark.xfail(strict=True, reason=reasons[row.id]))
        if row.id in reasons
        else row
        for row in CLIENTS
    ]
    return pytest.mark.parametrize("make", rows)


def post(url: str, **more: float) -> UpstreamRequest:
    headers = {"content-type": "application/json", "authorization": "Bearer sk-secret"}
    return UpstreamRequest(method="POST", url=url, headers=headers, body=b'{"a": 1.50}', **more)


def get(url: str) -> UpstreamRequest:
    return UpstreamRequest(method="GET", url=url)


async def read(client: UpstreamHttp, request: UpstreamRequest) -> bytes:
    async with client.send(request) as response:
        return await whole_body(response)


async def outcome(client: UpstreamHttp, request: UpstreamRequest) -> Outcome:
    """The body, or the kind of error; an error that is not the domain's passes through, and waiting has a bound."""
    try:
        async with asyncio.timeout(5):
            return await read(client, request)
    except UpstreamError as error:
        return type(error)


async def settle() -> None:
    """What was sent on this machine lies in the socket already: let the loop turn until everybody has read it."""
    for _ in range(30):
        await asyncio.sleep(0)


async def until(done: Callable[[], bool]) -> None:
    """Turn the loop until it is so."""
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0)


@asynccontextmanager
async def listening(
    script: Script, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[WireServer]:
    """A scripted server at another address than the usual, or behind TLS (named localhost then)."""
    made = WireServer(script)
    server = await asyncio.start_server(made, host, port, ssl=tls, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    made.url = f"https://localhost:{port}/path" if tls else f"http://{name}:{port}/path"
    async with server:
        yield made


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that decides itself what it reads of a request; gives its URL."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/path"
