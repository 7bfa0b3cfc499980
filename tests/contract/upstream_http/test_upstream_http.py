"""What every client behind the network seam promises, over real sockets."""

import asyncio
import socket

import pytest

from domain.model.errors import (
    GatewayError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from ports.upstream_http import UpstreamHttp, whole_body
from support.upstream_clients import (
    CHUNKED,
    LIMITS,
    OK,
    SHORT,
    Make,
    post,
    read,
    until,
)
from support.wire_server import Connection, Script, plays, then_closes, then_resets, then_waits, wire_server


async def test_status_headers_and_body_arrive(client: UpstreamHttp) -> None:
    teapot = b"HTTP/1.1 418 Teapot\r\nX-Thing: One\r\ncontent-length: 5\r\n\r\nhello"
    async with wire_server(plays(teapot)) as server, client.send(post(server.url)) as response:
        assert response.status == 418
        assert response.headers["x-thing"] == "One"
        assert await whole_body(response) == b"hello"


async def test_the_request_arrives_as_it_is_and_asks_for_no_compression(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as server:
        await read(client, post(server.url))
    head, body = server.requests[0].head.lower(), server.requests[0].body
    assert head.startswith(b"post /path http/1.1\r\n")
    assert body == b'{"a": 1.50}'
    assert head.count(b"content-type: application/json") == 1
    assert b"authorization: bearer sk-secret" in head
    assert head.count(b"accept-encoding: identity") == 1
    assert head.count(b"accept-encoding") == 1
    assert b"user-agent" not in head


async def test_no_cookie_is_kept(client: UpstreamHttp) -> None:
    async with wire_server(plays(OK + b"set-cookie: a=b\r\ncontent-length: 0\r\n\r\n")) as server:
        await read(client, post(server.url))
        await read(client, post(server.url))
    assert b"cookie" not in server.requests[1].head.lower()


async def test_environment_proxies_are_not_obeyed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = make(limits=LIMITS)
    async with wire_server(plays(SHORT)) as server:
        assert await read(client, post(server.url)) == b"hello"
    await client.close()


async def test_a_piece_is_there_before_the_next_is_sent(client: UpstreamHttp) -> None:
    go_on = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED, b"3\r\none\r\n")
        await go_on.wait()
        await connection.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with wire_server(script) as server, client.send(post(server.url)) as response:
        pieces = response.pieces()
        assert await anext(pieces) == b"one"
        go_on.set()
        assert [piece async for piece in pieces] == [b"two"]


async def test_nobody_listens(client: UpstreamHttp) -> None:
    with pytest.raises(UpstreamUnreachable):
        await read(client, post("http://127.0.0.1:9/path"))


async def test_nobody_accepts(client: UpstreamHttp) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with pytest.raises(UpstreamTimeout):
            await read(client, post(f"http://127.0.0.1:{port}/path"))
        for filler in fillers:
            filler.close()


async def test_no_headers_in_time(client: UpstreamHttp) -> None:
    async with wire_server(then_waits()) as server:
        with pytest.raises(UpstreamTimeout):
            await read(client, post(server.url, header_timeout=0.05))
        await until(server.closed.is_set)


async def test_silence_in_the_body(client: UpstreamHttp) -> None:
    async with wire_server(then_waits(CHUNKED, b"3\r\none\r\n")) as server:
        async with client.send(post(server.url, idle_timeout=0.05)) as response:
            pieces = response.pieces()
            assert await anext(pieces) == b"one"
            with pytest.raises(UpstreamTimeout):
                await anext(pieces)
        await until(server.closed.is_set)


async def test_waiting_for_headers_is_not_silence_in_the_body(client: UpstreamHttp) -> None:
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        waiting.set()
        await go_on.wait()
        await connection.send(SHORT)

    async with wire_server(script) as server:
        asking = asyncio.ensure_future(read(client, post(server.url, idle_timeout=0.05)))
        await waiting.wait()
        done, _ = await asyncio.wait({asking}, timeout=0.15)
        assert not done
        go_on.set()
        assert await asking == b"hello"


async def test_leaving_early_closes_the_connection(client: UpstreamHttp) -> None:
    async with wire_server(then_waits(CHUNKED, b"3\r\none\r\n")) as server:
        async with client.send(post(server.url)) as response:
            assert await anext(response.pieces()) == b"one"
        await until(server.closed.is_set)


@pytest.mark.parametrize("beginning", [(), (CHUNKED,), (CHUNKED, b"3\r\none\r\n")])
async def test_cancelling_closes_the_connection(client: UpstreamHttp, beginning: tuple[bytes, ...]) -> None:
    asked = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(*beginning)
        asked.set()
        await connection.until_closed()
        raise ConnectionError

    async with wire_server(script) as server:
        asking = asyncio.ensure_future(read(client, post(server.url)))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(server.closed.is_set)


REDIRECT = b"HTTP/1.1 %d Go\r\nlocation: http://127.0.0.1:9/other\r\ncontent-length: 0\r\n\r\n"
FAULTS: list[tuple[str, Script, type[GatewayError]]] = [
    ("reset before the headers", then_resets(), UpstreamUnreachable),
    ("closed before the headers", then_closes(), UpstreamUnreachable),
    ("reset in the body", then_resets(CHUNKED, b"3\r\none\r\n"), UpstreamTruncated),
    ("chunked body cut", then_closes(CHUNKED, b"3\r\none\r\n"), UpstreamTruncated),
    ("body shorter than declared", then_closes(OK + b"content-length: 50\r\n\r\nhello"), UpstreamTruncated),
    ("not HTTP", then_waits(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), UpstreamInvalid),
    ("chunk size that is none", then_waits(CHUNKED, b"ZZZ\r\none\r\n"), UpstreamInvalid),
    ("headers without end", then_waits(OK + b"x-much: " + b"y" * 300_000), UpstreamInvalid),
    ("compressed", plays(OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello"), UpstreamInvalid),
    ("declared too large", then_waits(OK + b"content-length: 1000001\r\n\r\n"), UpstreamInvalid),
    ("too large", then_waits(CHUNKED, (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 16), UpstreamInvalid),
    *((f"redirect {status}", plays(REDIRECT % status), UpstreamInvalid) for status in (301, 302, 303, 307, 308)),
]


@pytest.mark.parametrize(("script", "kind"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_faults_are_told_apart_and_name_no_address(
    client: UpstreamHttp, script: Script, kind: type[GatewayError]
) -> None:
    async with wire_server(script) as server:
        async with asyncio.timeout(5):
            with pytest.raises(kind) as caught:
                await read(client, post(server.url))
        assert len(server.requests) == 1, "a request is never sent again by the client"
    for word in ("127.0.0.1", "http", "path", "secret", "1.50"):
        assert word not in str(caught.value)


async def test_a_slow_reader_pauses_the_provider(client: UpstreamHttp) -> None:
    paused = asyncio.Event()

    async def script(connection: Connection) -> None:
        connection.writer.write(CHUNKED)
        part = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        for _ in range(800):
            connection.writer.write(part)
            try:
                await asyncio.wait_for(connection.writer.drain(), 0.2)
            except TimeoutError:
                paused.set()
                await connection.until_closed()
                raise ConnectionError from None

    async with wire_server(script) as server, client.send(post(server.url)) as response:
        await anext(response.pieces())
        async with asyncio.timeout(5):
            await paused.wait()
