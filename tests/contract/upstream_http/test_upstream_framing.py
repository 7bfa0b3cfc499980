"""Where an answer ends, and what is none: every client gives the right body or a domain error, never another body."""

import asyncio
import socket
import struct

import pytest

from domain.model.errors import (
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from ports.upstream_http import UpstreamHttp, whole_body
from support.upstream_clients import (
    CHUNKED,
    OK,
    SHORT,
    clients_but,
    get,
    outcome,
    post,
    settle,
    until,
)
from support.wire_server import Connection, Script, plays, then_closes, then_waits, wire_server

OLD = b"HTTP/1.0 200 OK\r\n"
FIVE = b"content-length: 5\r\n"
WHOLE = b"5\r\nhello\r\n0\r\n\r\n"
NO_ANSWER = {UpstreamInvalid, UpstreamUnreachable}


GOOD: list[tuple[str, Script, bytes]] = [
    ("1.0 until the end", then_closes(OLD + b"\r\nhello"), b"hello"),
    ("1.0 with a length", then_closes(OLD + FIVE + b"\r\nhello"), b"hello"),
    ("1.0 nothing until the end", then_closes(OLD + b"\r\n"), b""),
    ("1.1 until the end", then_closes(OK + b"\r\nhello"), b"hello"),
    ("1.1 until the end, as announced", then_closes(OK + b"connection: close\r\n\r\nhello"), b"hello"),
    ("close and a length", then_closes(OK + b"connection: close\r\n" + FIVE + b"\r\nhello"), b"hello"),
    ("length 0", plays(OK + b"content-length: 0\r\n\r\n"), b""),
    ("chunks of nothing", plays(CHUNKED + b"0\r\n\r\n"), b""),
    ("chunk size with zeros", plays(CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n"), b"hello"),
    ("chunk extensions", plays(CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n'), b"hello"),
    ("trailers", plays(CHUNKED + b"5\r\nhello\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n"), b"hello"),
    ("no reason phrase", plays(b"HTTP/1.1 200 \r\n" + FIVE + b"\r\nhello"), b"hello"),
    ("100", plays(b"HTTP/1.1 100 Continue\r\n\r\n", SHORT), b"hello"),
    ("eight 1xx", plays(b"HTTP/1.1 102 Processing\r\nx: y\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" * 4, SHORT), b"hello"),
    ("no space before a value", plays(OK + b"content-length:5\r\nx:\r\n\r\nhello"), b"hello"),
    ("Latin-1 in a value", plays(OK + b"x-name: caf\xe9\r\n" + FIVE + b"\r\nhello"), b"hello"),
]


@pytest.mark.parametrize(("script", "body"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
async def test_a_body_ends_where_it_is_said_to(client: UpstreamHttp, script: Script, body: bytes) -> None:
    async with wire_server(script) as server:
        for _ in range(2):
            assert await outcome(client, post(server.url)) == body


# What senders should not do: read rightly or refused, as the client likes.
ODD: list[tuple[str, Script]] = [
    ("a length twice", then_waits(OK + FIVE + FIVE + b"\r\nhello")),
    ("a length as a list", then_waits(OK + b"content-length: 5, 5\r\n\r\nhello")),
    ("a length and chunks", then_waits(OK + b"content-length: 7\r\ntransfer-encoding: chunked\r\n\r\n" + WHOLE)),
    ("chunks and a length", then_waits(OK + b"transfer-encoding: chunked\r\ncontent-length: 7\r\n\r\n" + WHOLE)),
    ("folded header", then_waits(OK + b"x-long: a\r\n  b\r\n" + FIVE + b"\r\nhello")),
    ("folded length", then_waits(OK + b"content-length:\r\n 5\r\n\r\nhello")),
    ("NUL in a value", then_waits(OK + b"x-nul: a\0b\r\n" + FIVE + b"\r\nhello")),
    ("CR in a value", then_waits(OK + b"x-cr: a\rb\r\n" + FIVE + b"\r\nhello")),
    ("lines without CR", then_waits(OK.replace(b"\r", b"") + b"content-length: 5\n\nhello")),
    ("space before a colon", then_waits(OK + b"content-length : 5\r\n\r\nhello")),
    ("no reason phrase, no space", then_waits(b"HTTP/1.1 200\r\n" + FIVE + b"\r\nhello")),
    ("minor version 2", then_waits(SHORT.replace(b"1.1", b"1.2"))),
    ("version 0.9", then_waits(SHORT.replace(b"1.1", b"0.9"))),
    ("version 2", then_waits(SHORT.replace(b"1.1", b"2.0"))),
    ("fold in front", then_waits(b"HTTP/1.1 200 OK\r\n x: y\r\n" + FIVE + b"\r\nhello")),
    ("a length behind a plus", then_waits(OK + b"content-length: +5\r\n\r\nhello")),
    ("chunk size with a space", then_waits(CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n")),
    ("CRLF before the answer", then_waits(b"\r\n", SHORT)),
    ("chunked in 1.0", then_waits(CHUNKED.replace(b"1.1", b"1.0") + WHOLE)),
    ("identity", then_closes(OK + b"transfer-encoding: identity\r\n\r\nhello")),
    ("many trailers", then_waits(CHUNKED + b"5\r\nhello\r\n0\r\n" + b"x-a: 1\r\n" * 200 + b"\r\n")),
]


@pytest.mark.parametrize("script", [row[1] for row in ODD], ids=[row[0] for row in ODD])
async def test_what_is_odd_is_read_rightly_or_refused(client: UpstreamHttp, script: Script) -> None:
    async with wire_server(script) as server:
        assert await outcome(client, post(server.url)) in {b"hello", UpstreamInvalid}


# Nobody can say what these mean.
BAD: list[tuple[str, bytes]] = [
    ("two lengths", OK + FIVE + b"content-length: 4\r\n\r\nhello"),
    ("two lengths as a list", OK + b"content-length: 5, 4\r\n\r\nhello"),
    *(
        (f"length {length!r}", OK + b"content-length: " + length + b"\r\n\r\nhello")
        for length in (b"-5", b"5x", b"0x5", b"", b"5 5", b"5_0", b"\xb5", b"5.0", b"9" * 40)
    ),
    *(
        (f"chunk size {size!r}", CHUNKED + size + b"\r\nhello\r\n0\r\n\r\n")
        for size in (b"-5", b"+5", b"0x5", b"", b" 5", b"5_0", b"g", b"f" * 40)
    ),
    ("chunk longer than its size", CHUNKED + b"3\r\nhello\r\n0\r\n\r\n"),
    ("no line end behind a chunk", CHUNKED + b"5\r\nhello0\r\n\r\n"),
    ("chunked is not the last", OK + b"transfer-encoding: chunked, gzip\r\n\r\n" + WHOLE),
    ("unknown coding", OK + b"transfer-encoding: xchunked\r\n\r\n" + WHOLE),
    ("no colon", OK + b"x-thing\r\n" + FIVE + b"\r\nhello"),
    ("no name", OK + b": thing\r\n" + FIVE + b"\r\nhello"),
    ("space in a name", OK + b"x thing: a\r\n" + FIVE + b"\r\nhello"),
    ("NUL in a name", OK + b"x\0thing: a\r\n" + FIVE + b"\r\nhello"),
    ("version 11", SHORT.replace(b"1.1", b"11.1")),
    ("another protocol", SHORT.replace(b"HTTP", b"ICY")),
    ("status 20", SHORT.replace(b"200", b"20")),
    ("status 2000", SHORT.replace(b"200", b"2000")),
    ("status 2x0", SHORT.replace(b"200", b"2x0")),
    ("status -20", SHORT.replace(b"200", b"-20")),
    ("a request", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    ("upgrade", b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello"),
    ("trailers without end", CHUNKED + b"0\r\n" + b"x-much: yyyy\r\n" * 30_000),
    ("headers without end", OK + b"x-much: yyyy\r\n" * 30_000),
    ("reason without end", b"HTTP/1.1 200 " + b"y" * 300_000),
]


@pytest.mark.parametrize("answer", [row[1] for row in BAD], ids=[row[0] for row in BAD])
async def test_what_means_nothing_is_invalid(client: UpstreamHttp, answer: bytes) -> None:
    async with wire_server(then_waits(answer)) as server:
        assert await outcome(client, post(server.url)) is UpstreamInvalid
        await until(lambda: server.open == 0)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n" + FIVE + b"\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n" + WHOLE,
    ],
)
async def test_a_whole_answer_that_is_not_for_us_is_invalid(client: UpstreamHttp, answer: bytes) -> None:
    async with wire_server(plays(answer)) as server:
        for _ in range(2):
            assert await outcome(client, post(server.url)) is UpstreamInvalid


def really_resets(*parts: bytes) -> Script:
    """Not only ends, which is how a body without a length ends rightly."""

    async def script(connection: Connection) -> None:
        await connection.send(*parts)
        await settle()  # a reset may overtake what was sent
        at_once = struct.pack("ii", 1, 0)
        connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        connection.reset()
        raise ConnectionError

    return script


CUT: list[tuple[str, Script]] = [
    ("no chunk", then_closes(CHUNKED)),
    ("half a chunk", then_closes(CHUNKED + b"5\r\nhel")),
    ("half a chunk size", then_closes(CHUNKED + b"5\r\nhello\r\n1")),
    ("no last chunk", then_closes(CHUNKED + b"5\r\nhello\r\n")),
    ("half a last chunk", then_closes(CHUNKED + b"5\r\nhello\r\n0\r\n")),
    ("half the trailers", then_closes(CHUNKED + b"5\r\nhello\r\n0\r\nx-a: ")),
    ("no byte of a length", then_closes(OK + FIVE + b"\r\n")),
    ("1.0 shorter than declared", then_closes(OLD + FIVE + b"\r\nhell")),
]


@pytest.mark.parametrize("script", [row[1] for row in CUT], ids=[row[0] for row in CUT])
async def test_a_body_that_was_cut_is_truncated(client: UpstreamHttp, script: Script) -> None:
    async with wire_server(script) as server:
        assert await outcome(client, post(server.url)) is UpstreamTruncated


@clients_but(aiohttp="aiohttp 3.14.5 takes a reset for the end of a body without a length")
@pytest.mark.parametrize("version", [OLD, OK])
async def test_a_reset_is_not_the_end_of_a_body(client: UpstreamHttp, version: bytes) -> None:
    async with wire_server(really_resets(version + b"\r\nhello")) as server:
        assert await outcome(client, post(server.url)) is UpstreamTruncated


@clients_but(aiohttp="aiohttp 3.14.5 closes the connection at a chunk that is none and leaves the reader waiting")
@pytest.mark.parametrize("rest", [b"ZZ\r\n", b"5\r\nhelloX\r\n", b"5\r\nhello\r\n0\r\x02\r\n"])
async def test_a_chunk_that_is_none_is_invalid_in_the_middle_too(client: UpstreamHttp, rest: bytes) -> None:
    go_on = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED, b"3\r\none\r\n")
        await go_on.wait()
        await connection.send(rest)
        await connection.until_closed()
        raise ConnectionError

    async with wire_server(script) as server, client.send(post(server.url, idle_timeout=0.5)) as response:
        pieces = response.pieces()
        assert await anext(pieces) == b"one"
        go_on.set()
        with pytest.raises(UpstreamInvalid):
            while await anext(pieces):
                pass


async def test_a_chunk_extension_without_end_is_silence_or_invalid(client: UpstreamHttp) -> None:
    async with wire_server(then_waits(CHUNKED + b"5;" + b"y" * 300_000)) as server:
        assert await outcome(client, post(server.url, idle_timeout=0.1)) in {UpstreamInvalid, UpstreamTimeout}
        await until(lambda: server.open == 0)


async def test_a_head_that_was_cut_at_any_byte_is_no_answer(client: UpstreamHttp) -> None:
    head = OK + FIVE + b"\r\n"
    for end in range(len(head)):
        async with wire_server(then_closes(head[:end])) as server:
            assert await outcome(client, post(server.url)) in NO_ANSWER, head[:end]


async def test_intermediate_answers_without_end_have_an_end(client: UpstreamHttp) -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
            await asyncio.sleep(0)

    async with wire_server(script) as server:
        assert await outcome(client, post(server.url, header_timeout=0.2)) in {UpstreamTimeout, UpstreamInvalid}
        await until(lambda: server.open == 0)


async def test_the_last_of_repeated_headers_counts(client: UpstreamHttp) -> None:
    async with wire_server(plays(OK + b"X-Twice: one\r\nx-twice: two\r\n" + FIVE + b"\r\nhello")) as server:
        async with client.send(get(server.url)) as response:
            assert response.headers["x-twice"] == "two"
            assert await whole_body(response) == b"hello"


async def test_a_body_of_one_byte_pieces_is_whole(client: UpstreamHttp) -> None:
    async def script(connection: Connection) -> None:
        for byte in CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n":
            await connection.send(bytes([byte]))
            await asyncio.sleep(0)

    async with wire_server(script) as server:
        for _ in range(2):
            async with client.send(post(server.url)) as response:
                pieces = [piece async for piece in response.pieces()]
            assert b"".join(pieces) == b"hello"
            assert all(pieces)
        assert server.connections == 1
