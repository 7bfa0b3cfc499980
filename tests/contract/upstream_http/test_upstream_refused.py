"""Answers that every client refuses, or at least takes no second one behind: their connections carry nothing more."""

import pytest

from domain.model.errors import UpstreamInvalid, UpstreamTruncated
from ports.upstream_http import UpstreamHttp
from support.upstream_clients import CHUNKED, OK, SHORT, clients_but, get, outcome, post, settle, until
from support.wire_server import Connection, Script, wire_server

FIVE = b"content-length: 5\r\n\r\nhello"
WHOLE = b"5\r\nhello\r\n0\r\n\r\n"
BOTH = b"transfer-encoding: chunked\r\ncontent-length: 15\r\n"
EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
HINTS = b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n"


def status(line: bytes, rest: bytes = b"content-length: 0\r\n\r\n") -> bytes:
    return b"HTTP/1.1 " + line + b"\r\n" + rest


def refusing(answer: bytes) -> Script:
    """Answers a POST with these bytes and keeps the connection; whoever asks with GET gets a good answer."""

    async def script(connection: Connection) -> None:
        await connection.send(answer if connection.head.startswith(b"POST") else SHORT)

    return script


async def is_not_used_again(client: UpstreamHttp, answer: bytes, *wanted: object) -> None:
    async with wire_server(refusing(answer)) as server:
        assert await outcome(client, post(server.url)) in wanted
        await settle()
        assert await outcome(client, get(server.url)) == b"hello"
        assert server.connections == 2
        await until(lambda: server.open == 1)


WHOLE_BUT_NOT_FOR_US: dict[str, bytes] = {
    "204": status(b"204 No Content", b"\r\n"),
    "204 with a length": status(b"204 No Content"),
    "205": status(b"205 Reset Content"),
    "206": status(b"206 Partial Content", b"content-range: bytes 0-4/50\r\n" + FIVE),
    "304": status(b"304 Not Modified", b"\r\n"),
    "307": status(b"307 Temporary Redirect", b"location: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"),
    "600": status(b"600 Odd", FIVE),
    "999": status(b"999 Odd", FIVE),
    "compressed": OK + b"content-encoding: gzip\r\n" + FIVE,
}
NOT_HTTP: dict[str, bytes] = {
    "101": status(b"101 Switching Protocols", b"connection: upgrade\r\nupgrade: x\r\n\r\n") + SHORT,
    "3,000 headers of 1 KB": OK + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(3000)) + FIVE,
    "a header of 1 MiB": OK + b"x-much: " + b"y" * 2**20 + b"\r\n" + FIVE,
    "chunk size ZZZ": CHUNKED + b"ZZZ\r\nhello\r\n0\r\n\r\n",
    "chunk size -1": CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n",
    "chunk size 2^64": CHUNKED + b"10000000000000000\r\nhello\r\n0\r\n\r\n",
}
GIVES_BACK = "aiohttp 3.14.5 has given the connection of a whole answer back before it shows the answer"


@pytest.mark.parametrize("answer", WHOLE_BUT_NOT_FOR_US.values(), ids=WHOLE_BUT_NOT_FOR_US)
async def test_what_is_not_for_us_is_invalid(client: UpstreamHttp, answer: bytes) -> None:
    async with wire_server(refusing(answer)) as server:
        assert await outcome(client, post(server.url)) is UpstreamInvalid
        assert await outcome(client, get(server.url)) == b"hello"
        assert len(server.requests) == 2


@clients_but(aiohttp=GIVES_BACK)
@pytest.mark.parametrize("answer", WHOLE_BUT_NOT_FOR_US.values(), ids=WHOLE_BUT_NOT_FOR_US)
async def test_what_is_not_for_us_leaves_no_connection(client: UpstreamHttp, answer: bytes) -> None:
    await is_not_used_again(client, answer, UpstreamInvalid)


@pytest.mark.parametrize("answer", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http_leaves_no_connection(client: UpstreamHttp, answer: bytes) -> None:
    await is_not_used_again(client, answer, UpstreamInvalid)


@clients_but(aiohttp="aiohttp 3.14.5 takes a 101 without an upgrade for a whole answer, and waits")
async def test_switching_to_no_protocol_is_invalid(client: UpstreamHttp) -> None:
    await is_not_used_again(client, status(b"101 Switching Protocols", b"\r\n"), UpstreamInvalid)


@clients_but(aiohttp="aiohttp 3.14.5 skips as many intermediate answers as there are")
async def test_more_than_eight_intermediate_answers_are_refused(client: UpstreamHttp) -> None:
    await is_not_used_again(client, HINTS * 9 + SHORT, UpstreamInvalid)


@pytest.mark.parametrize(
    "answer",
    [OK + BOTH + b"\r\n" + WHOLE, OK + b"content-length: 15\r\ntransfer-encoding: chunked\r\n\r\n" + WHOLE],
)
async def test_behind_a_length_and_chunks_together_nothing_is_an_answer(client: UpstreamHttp, answer: bytes) -> None:
    await is_not_used_again(client, answer, UpstreamInvalid, b"hello")


@pytest.mark.parametrize("answer", [SHORT + EVIL, CHUNKED + WHOLE + EVIL, OK + b"content-length: 3\r\n\r\nhello"])
async def test_behind_more_than_an_answer_nothing_is_one(client: UpstreamHttp, answer: bytes) -> None:
    await is_not_used_again(client, answer, UpstreamInvalid, b"hello", b"hel")


async def test_less_than_an_answer_is_truncated(client: UpstreamHttp) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(OK + b"content-length: 6\r\n\r\nhello")
        raise ConnectionError

    async with wire_server(script) as server:
        assert await outcome(client, post(server.url)) is UpstreamTruncated
        await until(lambda: server.open == 0)
