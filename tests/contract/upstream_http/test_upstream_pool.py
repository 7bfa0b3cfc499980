"""What every client promises about its connections: which are used again, and that none is left behind."""

import asyncio

import pytest

from adapters.upstream_http.aiohttp_client import AiohttpUpstream
from domain.model.errors import (
    ConnectionWasStale,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ports.upstream_http import UpstreamHttp, UpstreamRequest
from support.upstream_clients import (
    CHUNKED,
    OK,
    SHORT,
    get,
    outcome,
    post,
    read,
    settle,
    until,
)
from support.wire_server import Connection, Script, plays, then_closes, then_resets, then_waits, wire_server

EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
AWAITS = 40  # more turns of the loop than a whole request takes


async def test_a_connection_is_used_again_after_its_answer_was_read(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as server:
        for _ in range(3):
            assert await read(client, post(server.url)) == b"hello"
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n",
        OK + b"content-length: 0\r\n\r\n",
    ],
)
async def test_a_connection_is_used_again_behind_every_framing(client: UpstreamHttp, answer: bytes) -> None:
    async with wire_server(plays(answer)) as server:
        for _ in range(3):
            assert await read(client, post(server.url)) in {b"hello", b""}
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
        OK + b"Connection: Keep-Alive, Close\r\ncontent-length: 5\r\n\r\nhello",
        OK.replace(b"1.1", b"1.0") + b"content-length: 5\r\n\r\nhello",
    ],
)
async def test_a_connection_that_is_to_be_closed_is_closed_by_us(client: UpstreamHttp, answer: bytes) -> None:
    async with wire_server(plays(answer)) as server:
        for asked in (1, 2):
            assert await read(client, post(server.url)) == b"hello"
            assert server.connections == asked
        await until(lambda: server.open == 0)


@pytest.mark.parametrize("script", [then_closes(SHORT), then_resets(SHORT)])
async def test_a_connection_closed_while_idle_is_not_used(client: UpstreamHttp, script: Script) -> None:
    async with wire_server(script) as server:
        for asked in (1, 2, 3):
            assert await outcome(client, post(server.url)) == b"hello"
            await until(lambda: server.open == 0)
            await settle()
            assert server.connections == len(server.requests) == asked


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
async def test_a_request_is_not_sent_again_when_its_kept_connection_breaks(client: UpstreamHttp, method: str) -> None:
    async def script(connection: Connection) -> None:
        if server.requests.count(connection) > 1:
            raise ConnectionError
        await connection.send(SHORT)

    async with wire_server(script) as server:
        asked = UpstreamRequest(method=method, url=server.url, body=b"")
        assert await read(client, asked) == b"hello"
        assert await outcome(client, asked) in {UpstreamUnreachable, ConnectionWasStale}
        assert len(server.requests) == 2


async def test_bytes_on_an_idle_connection_are_never_an_answer(client: UpstreamHttp) -> None:
    idle, sent = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(SHORT)
        if server.connections == 1 and not sent.is_set():
            await idle.wait()
            await connection.send(EVIL)
            sent.set()

    async with wire_server(script) as server:
        assert await read(client, post(server.url)) == b"hello"
        idle.set()
        await sent.wait()
        await settle()
        assert await read(client, post(server.url)) == b"hello"
        assert server.connections == 2
        await until(lambda: server.open == 1)


ANSWERS = [
    (SHORT, b"hello"),
    (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (OK + b"content-length: 0\r\n\r\n", b""),
]


@pytest.mark.parametrize(("answer", "body"), ANSWERS)
async def test_bytes_that_come_with_an_answer_are_never_the_next(
    client: UpstreamHttp, answer: bytes, body: bytes
) -> None:
    await _evil_is_never_read(client, plays(answer, EVIL), body)


@pytest.mark.parametrize(("answer", "body"), ANSWERS)
async def test_bytes_that_come_behind_an_answer_are_never_the_next(
    client: UpstreamHttp, answer: bytes, body: bytes
) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(answer)
        await settle()
        await connection.send(EVIL)

    await _evil_is_never_read(client, script, body)


async def _evil_is_never_read(client: UpstreamHttp, script: Script, body: bytes) -> None:
    async with wire_server(script) as server:
        for _ in range(3):
            assert await outcome(client, post(server.url)) in {body, UpstreamInvalid}
            await settle()
            await settle()
        assert server.connections == len(server.requests) == 3


async def test_requests_at_once_have_connections_of_their_own_and_leave_them_to_the_next(
    client: UpstreamHttp,
) -> None:
    together = asyncio.Barrier(5)

    async def script(connection: Connection) -> None:
        await together.wait()
        await connection.send(OK, b"content-length: %d\r\n\r\n" % len(connection.body), connection.body)

    async def ask(url: str, word: bytes) -> None:
        assert await read(client, UpstreamRequest(method="POST", url=url, body=word)) == word

    async with wire_server(script) as server:
        for _ in range(3):
            async with asyncio.timeout(5):
                await asyncio.gather(*(ask(server.url, b"word %d" % number) for number in range(5)))
        assert server.connections == 5


async def test_hosts_do_not_share_connections(client: UpstreamHttp) -> None:
    async with wire_server(plays(SHORT)) as one, wire_server(plays(EVIL)) as other:
        for _ in range(2):
            assert await read(client, get(one.url)) == b"hello"
            assert await read(client, get(other.url)) == b"evil"
        assert (one.connections, other.connections) == (1, 1)


async def test_closing_ends_idle_connections_and_answers_that_are_being_read(client: UpstreamHttp) -> None:
    async with wire_server(then_waits(CHUNKED, b"3\r\none\r\n")) as waiting, wire_server(plays(SHORT)) as server:
        assert await read(client, post(server.url)) == b"hello"
        async with client.send(post(waiting.url)) as response:
            pieces = response.pieces()
            assert await anext(pieces) == b"one"
            reading = asyncio.ensure_future(anext(pieces))
            await settle()
            await client.close()
            async with asyncio.timeout(5):
                with pytest.raises(UpstreamError):
                    await reading
        await until(lambda: server.open == waiting.open == 0)


BEGINNINGS = {"nothing": b"", "half a head": OK, "head": CHUNKED, "piece": CHUNKED + b"3\r\none\r\n", "answer": SHORT}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
async def test_a_request_cancelled_at_any_await_leaves_no_connection(client: UpstreamHttp, beginning: bytes) -> None:
    async def script(connection: Connection) -> None:
        if connection.head.startswith(b"GET"):
            await connection.send(SHORT)
            return
        await connection.send(beginning)
        if beginning is not SHORT:
            await connection.until_closed()
            raise ConnectionError

    async with wire_server(script) as server:
        for turns in range(AWAITS):
            tasks = [asyncio.ensure_future(read(client, post(server.url))) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await outcome(client, get(server.url)) == b"hello"
        await settle()
        # What was answered whole is idle and may stay; with any other beginning only the last request's is.
        most = 3 if beginning is SHORT else 1
        await until(lambda: server.open <= most)


async def test_leaving_at_any_piece_leaves_no_connection(client: UpstreamHttp) -> None:
    async with wire_server(then_waits(CHUNKED, b"3\r\none\r\n" * 3)) as server:
        for pieces in range(3):
            async with client.send(post(server.url)) as response:
                reading = response.pieces()
                got = b""
                while len(got) < pieces * 3:
                    got += await anext(reading)
            await until(lambda: server.open == 0)


async def test_time_that_is_over_leaves_no_connection(client: UpstreamHttp) -> None:
    async with wire_server(then_waits(CHUNKED)) as server:
        for _ in range(3):
            assert await outcome(client, post(server.url, idle_timeout=0.02)) is UpstreamTimeout
            await until(lambda: server.open == 0)


async def test_an_answer_that_is_let_end_gives_its_connection_back(client: UpstreamHttp) -> None:
    go_on = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED, b"3\r\none\r\n")
        await go_on.wait()
        await connection.send(b"5\r\n more\r\n0\r\n\r\n")

    async with wire_server(script) as server:
        async with client.send(post(server.url)) as response:
            assert await anext(response.pieces()) == b"one"
            response.let_end()
        go_on.set()
        await settle()
        assert await read(client, post(server.url)) == b"one more"
        assert server.connections == (2 if isinstance(client, AiohttpUpstream) else 1)  # which makes no use of it


LINGERERS = [
    pytest.param(then_waits(CHUNKED, b"3\r\none\r\n"), id="silence"),
    pytest.param(plays(CHUNKED + b"3\r\none\r\n", *[b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 8), id="much"),
    pytest.param(plays(CHUNKED + b"3\r\none\r\n", b"0\r\n\r\n" + EVIL), id="more behind it"),
    pytest.param(then_closes(CHUNKED + b"3\r\none\r\n"), id="closed"),
]


@pytest.mark.parametrize("script", LINGERERS)
async def test_an_answer_that_is_let_end_and_does_not_is_broken_off(client: UpstreamHttp, script: Script) -> None:
    async with wire_server(script) as server:
        async with client.send(post(server.url)) as response:
            assert (await anext(response.pieces())).startswith(b"one")
            response.let_end()
        await until(lambda: server.open == 0)


async def test_closing_breaks_off_what_is_let_end(client: UpstreamHttp) -> None:
    async with wire_server(then_waits(CHUNKED, b"3\r\none\r\n")) as server:
        async with client.send(post(server.url)) as response:
            assert await anext(response.pieces()) == b"one"
            response.let_end()
        await client.close()
        await until(lambda: server.open == 0)
