"""A kept connection that the provider closes as we send: told apart from all other ends, since asking again is safe."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.model.errors import ConnectionWasStale, UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from ports.upstream_http import UpstreamHttp
from support.certificates import authority, certificate
from support.upstream_clients import LIMITS, OK, SHORT, Make, clients_but, listening, outcome, post, read, settle
from support.wire_server import Connection, Script, WireServer, wire_server

NOT_TOLD = "aiohttp 3.14.5 does not tell whether bytes of an answer had come: nothing is called stale"
End = Callable[[Connection], Awaitable[None]]


async def ends(connection: Connection) -> None:
    """FIN."""
    connection.writer.close()


async def resets(connection: Connection) -> None:
    """RST."""
    connection.reset()


def says(answer: bytes, end: End) -> End:
    async def script(connection: Connection) -> None:
        await connection.send(answer)
        await settle()  # a reset may overtake what was sent
        await end(connection)

    return script


def after_one_answer(end: End) -> Script:
    """The first request of a connection is answered, the second ends it."""
    answered: set[Connection] = set()

    async def script(connection: Connection) -> None:
        if connection in answered:
            await end(connection)
            raise ConnectionError
        answered.add(connection)
        await connection.send(SHORT)

    return script


BOTH_ENDS = pytest.mark.parametrize("end", [ends, resets])


@clients_but(aiohttp=NOT_TOLD)
@BOTH_ENDS
async def test_a_kept_connection_that_ends_without_a_byte_was_stale(client: UpstreamHttp, end: End) -> None:
    async with wire_server(after_one_answer(end)) as server:
        assert await read(client, post(server.url)) == b"hello"
        assert await outcome(client, post(server.url)) is ConnectionWasStale
        assert (len(server.requests), server.connections) == (2, 1), "the client itself does not ask again"
        assert await read(client, post(server.url)) == b"hello"


@clients_but(aiohttp=NOT_TOLD)
async def test_a_connection_that_ended_before_we_sent_was_stale(client: UpstreamHttp) -> None:
    """The end lies in our socket, and no turn of the loop has shown it yet."""
    async with wire_server(after_one_answer(ends)) as server:
        assert await read(client, post(server.url)) == b"hello"
        server.requests[0].writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        assert await outcome(client, post(server.url)) is ConnectionWasStale
        assert len(server.requests) == 1


@BOTH_ENDS
@pytest.mark.parametrize("answer", [b"H", b"HTTP/1.1 20", b"HTTP/1.1 100 Continue\r\n\r\n", OK])
async def test_a_provider_that_has_said_a_byte_is_not_stale(client: UpstreamHttp, end: End, answer: bytes) -> None:
    async with wire_server(after_one_answer(says(answer, end))) as server:
        assert await read(client, post(server.url)) == b"hello"
        assert await outcome(client, post(server.url)) in {UpstreamUnreachable, UpstreamInvalid}


@BOTH_ENDS
async def test_a_new_connection_is_not_stale(client: UpstreamHttp, end: End) -> None:
    async def script(connection: Connection) -> None:
        await end(connection)
        raise ConnectionError

    async with wire_server(script) as server:
        assert await outcome(client, post(server.url)) is UpstreamUnreachable


async def test_a_kept_connection_that_says_nothing_is_late_and_not_stale(client: UpstreamHttp) -> None:
    async def waits(connection: Connection) -> None:
        await connection.until_closed()

    async with wire_server(after_one_answer(waits)) as server:
        assert await read(client, post(server.url)) == b"hello"
        assert await outcome(client, post(server.url, header_timeout=0.05)) is UpstreamTimeout


async def test_a_connection_that_we_break_off_is_not_stale(client: UpstreamHttp) -> None:
    asked = asyncio.Event()

    async def waits(connection: Connection) -> None:
        asked.set()
        await connection.until_closed()

    async with wire_server(after_one_answer(waits)) as server:
        assert await read(client, post(server.url)) == b"hello"
        asking = asyncio.ensure_future(outcome(client, post(server.url)))
        await asked.wait()
        await client.close()
        assert await asking is UpstreamUnreachable


@clients_but(aiohttp=NOT_TOLD)
async def test_behind_a_stale_connection_the_next_request_has_a_new_one(client: UpstreamHttp) -> None:
    together = asyncio.Barrier(4)
    refusing = False

    async def script(connection: Connection) -> None:
        if refusing and server.requests.count(connection) > 1:
            raise ConnectionError
        if not refusing:
            await together.wait()
        await connection.send(SHORT)

    async with wire_server(script) as server:
        await asyncio.gather(*(read(client, post(server.url)) for _ in range(4)))
        refusing = True
        assert await outcome(client, post(server.url)) is ConnectionWasStale
        assert await read(client, post(server.url)) == b"hello"
        assert (server.connections, len(server.requests)) == (5, 6)


@asynccontextmanager
async def encrypted(make: Make, script: Script, folder: Path) -> AsyncIterator[tuple[UpstreamHttp, WireServer]]:
    trusted = authority()
    shown = certificate(trusted, "localhost").context(folder)
    client = make(limits=LIMITS, tls=trusted.trusted())
    async with listening(script, tls=shown) as server:
        try:
            yield client, server
        finally:
            await client.close()


@clients_but(aiohttp=NOT_TOLD)
@BOTH_ENDS
async def test_encrypted_connections_are_stale_alike(make: Make, tmp_path: Path, end: End) -> None:
    async with encrypted(make, after_one_answer(end), tmp_path) as (client, server):
        assert await outcome(client, post(server.url)) == b"hello"
        assert await outcome(client, post(server.url)) is ConnectionWasStale
        assert await outcome(client, post(server.url)) == b"hello"
