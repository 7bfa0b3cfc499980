"""U: providers that cannot be reached, keep silent or want to be left alone, and how long we wait for them."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.faults.gate import gate
from support.faults.parts import END, HEAD, chunk, error_body, event, finish, framed, plain, says, words
from support.processes import free_port
from support.wire_server import Connection, Script, plays, then_waits

ROLE = event(chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]))
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@BOTH
async def test_u_01_nobody_listens(*, stream: bool) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    async with gate(plays(), litellm_proxy_url=address) as it:
        answer = await it.ask(stream=stream)
        assert (answer.status, answer.code) == (502, "upstream_unreachable")
        settled = it.settled
        assert (settled.outcome, settled.attempts, settled.usage.source) == ("failed", 1, "unknown")
        assert address.encode() not in answer.body


@contextmanager
def deaf_listener() -> Iterator[int]:
    """A port whose queue is full: whoever connects hears nothing."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@BOTH
async def test_u_02_nobody_answers_the_knock(*, stream: bool) -> None:
    with deaf_listener() as port:
        async with gate(plays(), litellm_proxy_url=f"http://127.0.0.1:{port}", connect_timeout=0.2) as it:
            answer = await it.ask(stream=stream)
            assert (answer.status, answer.code) == (504, "upstream_timeout")


async def test_u_03_the_head_of_a_stream_does_not_come() -> None:
    async with gate(then_waits(), header_timeout=0.2) as it:
        answer = await it.ask(stream=True)
        assert (answer.status, answer.code, it.settled.outcome) == (504, "upstream_timeout", "failed")
        await it.provider.ended.wait()


async def test_u_03_a_whole_answer_does_not_come() -> None:
    async with gate(then_waits(), request_timeout=0.2) as it:
        answer = await it.ask()
        assert (answer.status, answer.code, it.settled.outcome) == (504, "deadline_exceeded", "failed")
        await it.provider.ended.wait()


@pytest.mark.parametrize(
    "beginning",
    [b"", framed(ROLE), framed(b": processing\n\n")],
    ids=["U-04 nothing", "U-04 a role", "U-04 a comment"],
)
async def test_a_stream_that_never_says_anything(beginning: bytes) -> None:
    async with gate(then_waits(HEAD, beginning), first_token_timeout=0.2) as it:
        answer = await it.ask(stream=True)
        assert (answer.code, answer.text, it.settled.outcome) == ("upstream_timeout", "", "failed")
        assert answer.ending == ("error" if beginning == framed(ROLE) else "whole")
        await it.provider.ended.wait()


async def test_u_04_after_a_comment_of_ours_the_error_is_an_event() -> None:
    async with gate(then_waits(HEAD), first_token_timeout=0.4, keepalive_interval=0.05) as it:
        answer = await it.ask(stream=True)
        assert (answer.status, answer.ending, answer.code) == (200, "error", "upstream_timeout")
        assert answer.comments > 0
        assert it.settled.outcome == "failed"


async def test_u_04_an_answer_that_began_in_time_is_not_hurried() -> None:
    late = asyncio.Event()

    async def slow(connection: Connection) -> None:
        await connection.send(HEAD, framed(says("one ", role="assistant")))
        await late.wait()
        await connection.send(framed(says("two "), finish()), END)

    async with gate(slow, first_token_timeout=0.1) as it:
        asyncio.get_running_loop().call_later(0.3, late.set)
        assert (await it.ask(stream=True)).text == "one two "


async def test_u_05_silence_in_the_middle() -> None:
    async with gate(then_waits(HEAD, framed(*words(3))), idle_timeout=0.2) as it:
        answer = await it.ask(stream=True)
        assert (answer.ending, answer.code, answer.text) == ("error", "upstream_timeout", "one two three ")
        assert it.settled.outcome == "partial"
        await it.provider.ended.wait()


async def test_u_05_silence_in_the_middle_of_a_whole_answer() -> None:
    half = plain()[:-20]
    async with gate(then_waits(half), idle_timeout=0.2) as it:
        answer = await it.ask()
        assert (answer.status, answer.code, it.settled.outcome) == (504, "upstream_timeout", "failed")


async def test_u_06_a_trickle_ends_with_the_deadline() -> None:
    async def trickle(connection: Connection) -> None:
        await connection.send(HEAD, framed(says("x", role="assistant")))
        for _ in range(1000):
            await asyncio.sleep(0.05)
            await connection.send(framed(says("x")))

    async with gate(trickle, request_timeout=0.4, idle_timeout=0.2) as it:
        answer = await it.ask(stream=True)
        assert (answer.ending, answer.code) == ("error", "deadline_exceeded")
        assert it.settled.outcome == "partial"
        await it.provider.ended.wait()


def limited(*headers: str) -> Script:
    """Refuses for now."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return plays(plain("429 Too Many Requests", error_body("slow down"), headers=lines))


WAITS: dict[str, tuple[Script, range | None]] = {
    "U-27 seconds": (limited("retry-after: 2"), range(2, 3)),
    "U-27 a date": (
        limited("date: Wed, 25 Nov 2026 12:00:00 GMT", "retry-after: Wed, 25 Nov 2026 12:01:00 GMT"),
        range(60, 61),
    ),
    "U-27 milliseconds": (limited("retry-after-ms: 1500"), range(2, 3)),
    "U-27 LiteLLM's spelling": (limited("llm_provider-retry-after: 7"), range(7, 8)),
    "U-28 a day": (limited("retry-after: 86400"), range(86_400, 86_401)),
    "U-28 negative": (limited("retry-after: -5"), None),
    "U-28 for ever": (limited("retry-after: 1e9"), None),
    "U-28 a word": (limited("retry-after: soon"), None),
    "U-28 no number": (limited("retry-after: nan"), None),
    "U-28 nothing": (limited(), None),
}


@BOTH
@pytest.mark.parametrize(("script", "seconds"), WAITS.values(), ids=WAITS)
async def test_a_provider_that_wants_us_to_wait(script: Script, seconds: range | None, *, stream: bool) -> None:
    async with gate(script) as it:
        answer = await it.ask(stream=stream)
        assert (answer.status, answer.code, it.settled.outcome) == (429, "rate_limit_exceeded", "failed")
        told = answer.headers.get("retry-after")
        assert told is None if seconds is None else told is not None and int(told) in seconds
        assert it.provider.connections == 1


async def test_u_29_a_refusal_is_not_held_against_the_next_caller() -> None:
    refuses = plays(plain("404 Not Found", error_body()))
    async with gate({"bad": refuses, "good": plays(plain())}) as it:
        for _ in range(5):
            assert (await it.ask("bad")).status == 404
            assert (await it.ask("good")).status == 200
        assert it.provider.connections == 1
