"""What the server promises about callers' connections: bounds that hold, and answers that nothing can break into."""

import asyncio
import json
import re

import pytest

from support.running_service import KEY, post, raw_exchange, running_service, status_and_body

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\n"
CHAT = json.dumps({"model": "fake/echo", "messages": [{"role": "user", "content": "hi"}]}).encode()
STREAM = json.dumps({"model": "fake/echo", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()


def code(answer: bytes) -> tuple[int, str]:
    status, body = status_and_body(answer)
    return status, json.loads(body)["error"]["code"]


async def trickle(writer: asyncio.StreamWriter) -> None:
    """A header a while, for ever."""
    number = 0
    while not writer.is_closing():
        number += 1
        writer.write(b"x-%d: y\r\n" % number)
        await asyncio.sleep(0.05)


async def test_headers_that_come_too_slowly_are_answered_with_408() -> None:
    async with running_service(client_header_timeout=0.2) as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(HEAD)
        trickling = asyncio.ensure_future(trickle(writer))
        answer = await reader.read()
        trickling.cancel()
        writer.close()
        assert code(answer) == (408, "request_timeout")
        assert await reader.read() == b""


async def test_a_connection_on_which_nobody_speaks_is_closed_without_a_word() -> None:
    async with running_service(client_header_timeout=0.2) as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        assert await reader.read() == b""
        writer.close()


async def test_a_slow_next_request_does_not_break_into_the_answer_before_it() -> None:
    async with running_service(client_header_timeout=0.2) as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        slow = CHAT.replace(b"fake/echo", b"fake/slow").replace(b"hi", b"one two three four five six")  # two seconds
        request = post("/v1/chat/completions", slow, {"connection": "keep-alive"})
        writer.write(request + HEAD)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(await reader.readexactly(int(length[1])))["choices"]
        assert code(await reader.read()) == (408, "request_timeout")  # for the one that never came
        writer.close()


async def test_headers_without_end_are_answered_with_431() -> None:
    async with running_service() as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(HEAD + b"x: ")

        async def flood() -> None:
            while not writer.is_closing():
                writer.write(b"y" * 16_384)
                await writer.drain()
                await asyncio.sleep(0.001)

        flooding = asyncio.ensure_future(flood())
        answer = await reader.readuntil(b"}}")
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        writer.transport.abort()
        assert code(answer) == (431, "headers_too_large")


async def test_a_connection_too_many_is_told_so_and_the_others_go_on() -> None:
    async with running_service(max_connections=2) as service, asyncio.timeout(10):
        first = await asyncio.open_connection("127.0.0.1", service.port)
        second = await asyncio.open_connection("127.0.0.1", service.port)
        assert code(await raw_exchange(service.port, b"")) == (503, "overloaded")
        second[1].write(post("/v1/chat/completions", CHAT))
        assert (await second[0].read()).startswith(b"HTTP/1.1 200 ")
        second[1].close()
        first[1].close()
        await asyncio.gather(first[1].wait_closed(), second[1].wait_closed())
        while service.open_connections():
            await asyncio.sleep(0)
        answer = await raw_exchange(service.port, post("/v1/chat/completions", CHAT))
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_requests_sent_at_once_are_answered_in_order() -> None:
    async with running_service() as service, asyncio.timeout(10):
        again = post("/v1/chat/completions", CHAT, {"connection": "keep-alive", "x-request-id": "one"})
        last = post("/v1/chat/completions", CHAT, {"x-request-id": "two"})
        answer = await raw_exchange(service.port, again + last)
        assert re.findall(rb"x-request-id: (\w+)", answer) == [b"one", b"two"]


async def test_a_stream_to_http_1_0_ends_with_the_connection_and_has_no_chunks() -> None:
    async with running_service() as service, asyncio.timeout(10):
        request = post("/v1/chat/completions", STREAM).replace(b"HTTP/1.1", b"HTTP/1.0")
        head, _, body = (await raw_exchange(service.port, request)).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert body.startswith(b"data: {")
        assert body.endswith(b"data: [DONE]\n\n")


async def test_an_answer_to_head_has_no_body() -> None:
    async with running_service() as service, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"HEAD /health HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 405 ")  # not declared, and said so without a body
        assert body == b""


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/chat/completions/", "//v1/chat/completions"])
async def test_every_spelling_of_a_path_wants_a_key_and_answers_alike(path: str) -> None:
    async with running_service() as service, asyncio.timeout(10):
        assert code(await raw_exchange(service.port, post(path, CHAT, key=None))) == (401, "invalid_api_key")
        assert (await raw_exchange(service.port, post(path, CHAT, key=KEY))).startswith(b"HTTP/1.1 200 ")
        assert code(await raw_exchange(service.port, post(path, b"{}"))) == (400, "invalid_request")


async def test_cors_headers_are_on_answers_and_errors_of_the_costly_routes_too() -> None:
    async with running_service(cors_origins=["https://app.example"]) as service, asyncio.timeout(10):
        for body in (CHAT, b"{}"):
            request = post("/v1/chat/completions", body, {"origin": "https://app.example"})
            answer = await raw_exchange(service.port, request)
            assert b"access-control-allow-origin: https://app.example" in answer


async def test_who_leaves_with_a_request_still_waiting_ends_the_one_under_way() -> None:
    async with running_service() as service, asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        slow = STREAM.replace(b"fake/echo", b"fake/slow")
        writer.write(post("/v1/chat/completions", slow) + post("/v1/chat/completions", CHAT))
        while not service.container.admission().in_flight:
            await asyncio.sleep(0)
        writer.close()
        while not service.observer.settlements:
            await asyncio.sleep(0)
        assert [each.outcome for each in service.observer.settlements] == ["cancelled"]
