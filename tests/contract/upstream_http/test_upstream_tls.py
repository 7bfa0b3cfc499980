"""What every client promises over TLS, with certificates of our own making."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.model.errors import UpstreamTimeout, UpstreamTruncated, UpstreamUnreachable
from ports.upstream_http import UpstreamHttp
from support.certificates import Issued, authority, certificate
from support.upstream_clients import (
    CHUNKED,
    LIMITS,
    OK,
    SHORT,
    Make,
    clients_but,
    get,
    listening,
    outcome,
    post,
    raw_server,
    settle,
    until,
)
from support.wire_server import Connection, Script, plays, then_closes, then_waits

AWAITS = 80  # more turns of the loop than a handshake and a request take


@pytest.fixture(scope="module")
def trusted() -> Issued:
    return authority()


@pytest.fixture(scope="module")
def good(trusted: Issued) -> Issued:
    return certificate(trusted, "localhost", "127.0.0.1")


@pytest.fixture
async def client(make: Make, trusted: Issued) -> AsyncIterator[UpstreamHttp]:
    opened = make(limits=LIMITS, tls=trusted.trusted())
    yield opened
    await opened.close()


async def test_an_answer_arrives_and_its_connection_is_used_again(
    client: UpstreamHttp, good: Issued, tmp_path: Path
) -> None:
    async with listening(plays(SHORT), tls=good.context(tmp_path)) as server:
        for _ in range(3):
            assert await outcome(client, post(server.url)) == b"hello"
        assert server.connections == 1
        assert server.requests[0].body == b'{"a": 1.50}'


async def test_an_address_may_stand_in_the_certificate(client: UpstreamHttp, good: Issued, tmp_path: Path) -> None:
    async with listening(plays(SHORT), tls=good.context(tmp_path)) as server:
        assert await outcome(client, post(server.url.replace("localhost", "127.0.0.1"))) == b"hello"


STRANGER = authority("Test authority")  # the same name, another key


@pytest.mark.parametrize(
    "fault", ["signed by a stranger", "signed by itself", "expired", "another name", "no address"]
)
async def test_a_certificate_that_proves_nothing_is_not_spoken_to(
    client: UpstreamHttp, trusted: Issued, tmp_path: Path, fault: str
) -> None:
    shown = {
        "signed by a stranger": certificate(STRANGER, "localhost"),
        "signed by itself": STRANGER,
        "expired": certificate(trusted, "localhost", until="20010101000000Z"),
        "another name": certificate(trusted, "provider.test", "*.localhost"),
        "no address": certificate(trusted, "localhost"),
    }[fault]
    async with listening(plays(SHORT), tls=shown.context(tmp_path)) as server:
        url = server.url.replace("localhost", "127.0.0.1") if fault == "no address" else server.url
        assert await outcome(client, post(url)) is UpstreamUnreachable
        assert server.requests == []
        await until(lambda: server.open == 0)


async def test_without_a_context_the_machine_decides_who_is_trusted(make: Make, good: Issued, tmp_path: Path) -> None:
    client = make(limits=LIMITS)
    async with listening(plays(SHORT), tls=good.context(tmp_path)) as server:
        assert await outcome(client, post(server.url)) is UpstreamUnreachable
        assert server.requests == []
    await client.close()


async def test_plain_and_encrypted_connections_are_told_apart(
    client: UpstreamHttp, good: Issued, tmp_path: Path
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            writer.write(SHORT)

    async with raw_server(talk) as plain:
        assert await outcome(client, post(plain)) == b"hello"
        assert await outcome(client, post(plain.replace("http", "https"))) is UpstreamUnreachable
    async with listening(plays(SHORT), tls=good.context(tmp_path)) as server:
        assert await outcome(client, post(server.url)) == b"hello"


async def test_the_handshake_is_part_of_connecting(client: UpstreamHttp) -> None:
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        gone.set()

    async with raw_server(talk) as url:
        assert await outcome(client, post(url.replace("http", "https"))) is UpstreamTimeout
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_piece_is_there_before_the_next_is_sent(client: UpstreamHttp, good: Issued, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED, b"3\r\none\r\n")
        await go_on.wait()
        await connection.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with listening(script, tls=good.context(tmp_path)) as server, client.send(post(server.url)) as response:
        pieces = response.pieces()
        assert await anext(pieces) == b"one"
        go_on.set()
        assert [piece async for piece in pieces] == [b"two"]


async def test_a_large_body_arrives_whole_in_both_directions(
    client: UpstreamHttp, good: Issued, tmp_path: Path
) -> None:
    much = bytes(range(256)) * 3_500

    async def script(connection: Connection) -> None:
        await connection.send(OK, b"content-length: %d\r\n\r\n" % len(connection.body), connection.body)

    async with listening(script, tls=good.context(tmp_path)) as server:
        request = post(server.url)
        asked = type(request)(method="POST", url=server.url, body=much)
        assert await outcome(client, asked) == much


async def test_leaving_early_closes_the_connection(client: UpstreamHttp, good: Issued, tmp_path: Path) -> None:
    async with listening(then_waits(CHUNKED, b"3\r\none\r\n"), tls=good.context(tmp_path)) as server:
        async with client.send(post(server.url)) as response:
            assert await anext(response.pieces()) == b"one"
        await until(lambda: server.open == 0)


async def test_a_connection_closed_while_idle_is_not_used(client: UpstreamHttp, good: Issued, tmp_path: Path) -> None:
    async with listening(then_closes(SHORT), tls=good.context(tmp_path)) as server:
        for asked in (1, 2, 3):
            assert await outcome(client, post(server.url)) == b"hello"
            await until(lambda: server.open == 0)
            await settle()
            assert server.connections == len(server.requests) == asked


ANY_END = "asyncio's TLS tells an end without close_notify as any other end"


def cut_off(*parts: bytes) -> Script:
    """Ends the connection without TLS's own goodbye, as anybody on the way can."""

    async def script(connection: Connection) -> None:
        await connection.send(*parts)
        connection.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        await connection.until_closed()
        raise ConnectionError

    return script


@pytest.mark.parametrize("answer", [OK + b"content-length: 50\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n"])
async def test_a_body_that_is_cut_off_is_truncated(
    client: UpstreamHttp, good: Issued, tmp_path: Path, answer: bytes
) -> None:
    async with listening(cut_off(answer), tls=good.context(tmp_path)) as server:
        assert await outcome(client, post(server.url)) is UpstreamTruncated


async def test_a_body_without_a_length_ends_with_a_goodbye(
    client: UpstreamHttp, good: Issued, tmp_path: Path
) -> None:
    async with listening(then_closes(OK + b"\r\nhello"), tls=good.context(tmp_path)) as server:
        assert await outcome(client, post(server.url)) == b"hello"


@clients_but(aiohttp=ANY_END, httptools=ANY_END)
async def test_a_body_without_a_length_does_not_end_without_a_goodbye(
    client: UpstreamHttp, good: Issued, tmp_path: Path
) -> None:
    async with listening(cut_off(OK + b"\r\nhello"), tls=good.context(tmp_path)) as server:
        assert await outcome(client, post(server.url)) is UpstreamTruncated


@pytest.mark.parametrize("beginning", [b"", CHUNKED, SHORT], ids=["nothing", "head", "answer"])
async def test_a_request_cancelled_at_any_await_leaves_no_connection(
    client: UpstreamHttp, good: Issued, tmp_path: Path, beginning: bytes
) -> None:
    async def script(connection: Connection) -> None:
        if connection.head.startswith(b"GET") or beginning is SHORT:
            await connection.send(SHORT)
            return
        await connection.send(beginning)
        await connection.until_closed()
        raise ConnectionError

    async with listening(script, tls=good.context(tmp_path)) as server:
        for turns in range(AWAITS):
            task = asyncio.ensure_future(outcome(client, post(server.url)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert await outcome(client, get(server.url)) == b"hello"
        await settle()
        await until(lambda: server.open <= 1)


async def test_a_handshake_cancelled_at_any_await_leaves_no_connection(client: UpstreamHttp) -> None:
    connections: list[asyncio.StreamWriter] = []
    gone: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while await reader.read(65_536):
            pass
        gone.append(writer)

    async with raw_server(talk) as url:
        for turns in range(AWAITS):
            task = asyncio.ensure_future(outcome(client, post(url.replace("http", "https"))))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await settle()
        assert connections
        await until(lambda: len(gone) == len(connections))
