"""What every client promises about the request: how it is addressed, resolved and sent."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack

import pytest

from domain.model.errors import GatewayError, UpstreamTimeout, UpstreamUnreachable
from ports.upstream_http import UpstreamHttp, UpstreamRequest, whole_body
from support.upstream_clients import (
    SHORT,
    get,
    listening,
    outcome,
    post,
    raw_server,
    read,
    until,
)
from support.wire_server import WireServer, plays, wire_server

# aiohttp warns of large bodies, which a prompt with pictures is.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
MUCH = b"x" * 16_000_000  # more than the buffers of two sockets


def hosts(server: WireServer) -> list[bytes]:
    return [
        line.split(b":", 1)[1].strip()
        for connection in server.requests
        for line in connection.head.split(b"\r\n")
        if line.lower().startswith(b"host:")
    ]


async def test_a_query_and_escapes_arrive_as_they_are(client: UpstreamHttp) -> None:
    target = "/a%2Fb%20c;d/e//f?x=%41&y=a+b&z=%C3%A9&empty=&q='~*!$()"
    async with wire_server(plays(SHORT)) as server:
        await read(client, get(server.url.replace("/path", target)))
        assert server.requests[0].head.startswith(b"GET " + target.encode() + b" HTTP/1.1\r\n")


async def test_a_url_without_a_path_asks_for_the_root(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as server:
        await read(client, get(server.url.replace("/path", "")))
        assert server.requests[0].head.startswith(b"GET / HTTP/1.1\r\n")


async def test_a_fragment_stays_here(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as server:
        await read(client, get(server.url + "?a=b#part"))
        assert server.requests[0].head.startswith(b"GET /path?a=b HTTP/1.1\r\n")


async def test_a_request_without_a_body_announces_none(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as server:
        for _ in range(2):
            assert await read(client, get(server.url)) == b"hello"
        assert server.connections == 1
        head = server.requests[0].head.lower()
        assert b"transfer-encoding" not in head
        assert b"content-type" not in head
        assert b"content-length" not in head.replace(b"content-length: 0\r\n", b"")


async def test_a_body_is_announced_with_its_length(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as server:
        await read(client, UpstreamRequest(method="POST", url=server.url, body=MUCH))
        head = server.requests[0].head.lower()
        assert head.count(b"content-length: %d\r\n" % len(MUCH)) == 1
        assert b"transfer-encoding" not in head
        assert server.requests[0].body == MUCH


async def test_the_host_is_named_once_with_its_port(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as server:
        await read(client, get(server.url))
        assert hosts(server) == [server.url.split("/")[2].encode()]


async def test_the_default_port_is_not_named(client: UpstreamHttp) -> None:
    pid = os.getpid()
    own = f"127.1.{pid >> 8 & 255}.{pid & 255 or 1}"  # port 80 of an address that no other run uses
    async with AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(listening(plays(SHORT), host=own, port=80))
        except OSError:
            pytest.skip("this machine gives nobody port 80")
        await read(client, get(f"http://{own}/path"))
        await read(client, get(f"http://{own}:80/path"))
        assert hosts(server) == [own.encode()] * 2


async def test_an_address_of_version_6_is_reached(client: UpstreamHttp) -> None:
    async with AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(listening(plays(SHORT), host="::1"))
        except OSError:
            pytest.skip("this machine has no ::1")
        assert await read(client, get(server.url)) == b"hello"
        assert await read(client, get(server.url)) == b"hello"
        assert hosts(server) == [server.url.split("/")[2].encode()] * 2
        assert server.connections == 1


@pytest.mark.parametrize(
    "header", [("x-one", "a\r\nx-two: b"), ("x-one", "a\nb"), ("x-one", "a\0b"), ("x\r\ny", "b")]
)
async def test_a_header_cannot_hold_another(client: UpstreamHttp, header: tuple[str, str]) -> None:
    async with wire_server(plays(SHORT)) as server:
        request = UpstreamRequest(method="POST", url=server.url, headers=dict([header]), body=b"{}")
        with pytest.raises((GatewayError, ValueError)):
            await read(client, request)
        assert server.requests == []
        assert await read(client, post(server.url)) == b"hello"


async def test_the_lookup_of_a_name_is_part_of_connecting(
    client: UpstreamHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def hang(*_: object, **__: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    assert await outcome(client, post("http://provider.test/path")) is UpstreamTimeout
    assert asked.is_set()


async def test_a_name_that_is_not_known(client: UpstreamHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    assert await outcome(client, post("http://provider.test/path")) is UpstreamUnreachable


async def test_a_provider_that_reads_nothing_does_not_hold_us(client: UpstreamHttp) -> None:
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined] # no public way to stop reading
        await ended.wait()

    async with raw_server(talk) as url:
        asked = UpstreamRequest(method="POST", url=url, body=MUCH, header_timeout=0.1)
        assert await outcome(client, asked) is UpstreamTimeout
        ended.set()


TOO_MUCH = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"


@pytest.mark.parametrize("length", [b"content-length: 5\r\n\r\nhello", b"\r\nhello"])
async def test_an_answer_before_the_body_was_sent_arrives_or_there_is_none(
    client: UpstreamHttp, length: bytes
) -> None:
    """The provider closes with unread bytes, so that the network may throw the answer away."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\n" + length)

    async with raw_server(talk) as url:
        for _ in range(5):
            await _is_refused_or_unreachable(client, url)


async def _is_refused_or_unreachable(client: UpstreamHttp, url: str) -> None:
    try:
        async with asyncio.timeout(5), client.send(UpstreamRequest(method="POST", url=url, body=MUCH)) as response:
            assert response.status == 413
    except UpstreamUnreachable:
        pass


async def test_an_answer_while_the_provider_reads_no_more_arrives(client: UpstreamHttp) -> None:
    left = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(TOO_MUCH)
        await left.wait()

    async with raw_server(talk) as url:
        request = UpstreamRequest(method="POST", url=url, body=MUCH, header_timeout=0.5)
        async with asyncio.timeout(5), client.send(request) as response:
            assert response.status == 413
            assert await whole_body(response) == b"hello"
        left.set()


async def test_a_connection_with_half_a_request_is_not_used_again(client: UpstreamHttp) -> None:
    """Answered early, with nothing said about closing: the next request must not stand behind the rest of a body."""
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(SHORT)
            if heads[-1].startswith(b"POST"):
                await until(lambda: len(heads) > 1)

    async with raw_server(talk) as url:
        asked = UpstreamRequest(method="POST", url=url, body=MUCH, header_timeout=0.1)
        assert await outcome(client, asked) in {b"hello", UpstreamTimeout}
        assert await outcome(client, get(url)) == b"hello"
        assert heads[1].startswith(b"GET /path HTTP/1.1\r\n")
