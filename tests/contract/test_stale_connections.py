"""A provider that closes a kept connection as we send: callers do not see it, and the books say that it took two."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from domain.model.call import Settlement
from support.running_service import KEY, RunningService, running_service
from support.upstream_clients import settle
from support.wire_server import Connection, WireServer, wire_server

HEAD = {"id": "c", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
MESSAGE = {"role": "assistant", "content": "Hello"}
WHOLE = {**HEAD, "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}], "usage": USAGE}
CHUNK = {**HEAD, "choices": [{"index": 0, "delta": MESSAGE, "finish_reason": "stop"}]}
VECTORS = {"model": "m", "data": [{"index": 0, "embedding": [0.5]}], "usage": USAGE}
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
WAYS = {
    "whole": ("/v1/chat/completions", ASK),
    "stream": ("/v1/chat/completions", {**ASK, "stream": True}),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": ["a"]}),
}
End = Callable[[Connection], Awaitable[None]]


async def answers(connection: Connection) -> None:
    if b"/embeddings" in connection.head:
        kind, body = b"application/json", json.dumps(VECTORS).encode()
    elif json.loads(connection.body).get("stream"):
        kind, body = b"text/event-stream", b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(CHUNK).encode()
    else:
        kind, body = b"application/json", json.dumps(WHOLE).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, len(body))
    await connection.send(head, body)


async def ends(connection: Connection) -> None:
    connection.writer.close()
    raise ConnectionError


async def resets(connection: Connection) -> None:
    connection.reset()
    raise ConnectionError


async def begins_and_ends(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 20")
    raise ConnectionError


class Provider:
    """Answers the first request of all; what becomes of the later ones is a row. Whoever is left is answered."""

    def __init__(self, *later: End) -> None:
        self._row = [answers, *later]

    async def __call__(self, connection: Connection) -> None:
        await (self._row.pop(0) if self._row else answers)(connection)


@asynccontextmanager
async def service_over(provider: Provider) -> AsyncIterator[tuple[RunningService, WireServer]]:
    async with wire_server(provider) as upstream:
        url = upstream.url.removesuffix("/path")
        async with running_service(llm_mode="litellm", litellm_proxy_url=url) as service:
            yield service, upstream


async def ask(service: RunningService, way: str) -> httpx.Response:
    path, body = WAYS[way]
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(service.url + path, json=body, headers={"x-internal-auth": KEY})


def last(service: RunningService) -> Settlement:
    return service.observer.settlements[-1]


@pytest.mark.parametrize("end", [ends, resets])
@pytest.mark.parametrize("way", WAYS)
async def test_a_stale_connection_is_not_seen_by_the_caller(way: str, end: End) -> None:
    async with service_over(Provider(end)) as (service, upstream):
        first = await ask(service, way)
        second = await ask(service, way)
        assert (first.status_code, second.status_code) == (200, 200)
        assert second.content == first.content
        assert first.headers["x-llm-proxy-attempts"] == "1"
        assert second.headers["x-llm-proxy-attempts"] == "2"
        assert [settled.attempts for settled in service.observer.settlements] == [1, 2]
        assert last(service).outcome == "ok"
        assert (len(upstream.requests), upstream.connections) == (3, 2)
        assert upstream.requests[1].body == upstream.requests[2].body


@pytest.mark.parametrize("end", [ends, resets])
@pytest.mark.parametrize("way", WAYS)
async def test_a_new_connection_that_dies_too_is_the_end(way: str, end: End) -> None:
    async with service_over(Provider(end, end)) as (service, upstream):
        await ask(service, way)
        answer = await ask(service, way)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert answer.headers["x-should-retry"] == "false"
        assert (last(service).outcome, last(service).attempts) == ("failed", 2)
        assert (len(upstream.requests), upstream.connections) == (3, 2)


@pytest.mark.parametrize("way", WAYS)
async def test_half_a_status_line_is_not_asked_again(way: str) -> None:
    async with service_over(Provider(begins_and_ends)) as (service, upstream):
        await ask(service, way)
        answer = await ask(service, way)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert last(service).attempts == 1
        await settle()
        assert len(upstream.requests) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_the_first_connection_is_not_stale(way: str) -> None:
    provider = Provider()
    provider._row = [ends]
    async with service_over(provider) as (service, upstream):
        answer = await ask(service, way)
        assert (answer.status_code, last(service).attempts, len(upstream.requests)) == (502, 1, 1)


REFUSED = {
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "205": b"HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n",
    "206": b"HTTP/1.1 206 Partial Content\r\ncontent-length: 2\r\n\r\n{}",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "999": b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\n{}",
    "101": b"HTTP/1.1 101 Switching\r\n\r\n",
    "nine 1xx": b"HTTP/1.1 103 Hints\r\n\r\n" * 9,
    "3,000 headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(3000)),
    "1 MiB header": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2**20 + b"\r\n\r\n",
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_no_answer_is_a_502_and_is_asked_once(way: str) -> None:
    def refuses(answer: bytes) -> End:
        async def script(connection: Connection) -> None:
            await connection.send(answer)
            await connection.until_closed()
            raise ConnectionError

        return script

    row = [end for answer in REFUSED.values() for end in (refuses(answer), answers)]
    async with service_over(Provider(*row)) as (service, upstream):
        await ask(service, way)
        for number, name in enumerate(REFUSED, 1):
            refused = await ask(service, way)
            assert (refused.status_code, refused.json()["error"]["code"]) == (502, "upstream_invalid"), name
            assert last(service).attempts == 1, name
            assert (await ask(service, way)).status_code == 200
            assert (len(upstream.requests), upstream.connections) == (1 + 2 * number, 1 + number), name
