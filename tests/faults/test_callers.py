"""C: callers that leave, stall, send halves or too much at once."""

import asyncio
import json
from typing import Any

import pytest

from adapters.upstream_http.httptools_client.client import HttptoolsUpstream
from support.faults.caller import HOWS, Caller, How, calling
from support.faults.gate import Gate, gate
from support.faults.parts import DONE, HEAD, WHOLE_STREAM, finish, framed, plain, says, words
from support.faults.quiescence import soon
from support.faults.strict_answer import read
from support.running_service import KEY, post
from support.wire_server import Connection, plays, then_waits, wire_server

HALF_A_BODY = plain()[:-20]
FIRST = framed(says("one ", role="assistant"))

# What the provider has said when the caller leaves, what the caller has read by then, and whether it asked for a stream.
PHASES: dict[str, tuple[bytes, bytes, bool]] = {
    "C-05 before the head of a stream": (b"", b"", True),
    "C-04 before the first token": (HEAD, b"", True),
    "C-01 after the first token": (HEAD + FIRST, b"one ", True),
    "C-01 in the middle": (HEAD + framed(*words(500)), b"five ", True),
    "C-06 before a whole answer": (b"", b"", False),
    "C-06 within a whole answer": (HALF_A_BODY, b"", False),
}


@pytest.mark.parametrize("how", HOWS, ids=["fin", "C-02 rst", "C-03 half"])
@pytest.mark.parametrize(("said", "heard", "stream"), PHASES.values(), ids=PHASES)
async def test_leaving_ends_everything(said: bytes, heard: bytes, how: How, *, stream: bool) -> None:
    async with gate(then_waits(said)) as it, calling(it.service.port) as caller:
        await caller.send(it.request(stream=stream))
        await soon(lambda: bool(it.provider.requests), lambda: "not asked")
        await caller.until(heard)
        caller.leave(how)
        await it.provider.ended.wait()
        await soon(lambda: bool(it.settlements()), lambda: "not settled")
        assert (it.settled.outcome, it.settled.attempts) == ("cancelled", 1)


@pytest.mark.parametrize("how", HOWS)
async def test_c_06_leaving_an_embedding_call(how: How) -> None:
    async with gate({"m": then_waits()}) as it, calling(it.service.port) as caller:
        await caller.send(post("/v1/embeddings", b'{"model":"m","input":"x"}', {"x-request-id": it.new_id()}))
        await soon(lambda: bool(it.provider.requests), lambda: "not asked")
        caller.leave(how)
        await it.provider.ended.wait()


class Flood:
    """Says more as long as somebody takes it."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, connection: Connection) -> None:
        await connection.send(HEAD)
        piece = framed(says("x" * 16_000, role="assistant"))
        while True:
            await connection.send(piece)
            self.sent += len(piece)


def held_back(it: Gate) -> int:
    """Bytes of all streams that wait in this process: for callers, and from providers."""
    callers = sum(each.transport.get_write_buffer_size() for each in it.service._server.server_state.connections)
    upstream = it.service.container.upstream_http()
    assert isinstance(upstream, HttptoolsUpstream)
    provided = sum(each.answer.buffered for each in upstream._pool._all)
    return int(callers) + int(provided)


async def test_c_08_a_caller_that_reads_nothing_pauses_the_provider_and_is_given_up() -> None:
    flood = Flood()
    async with gate(flood, write_stall_timeout=0.5) as it, calling(it.service.port, buffer=4096) as caller:
        most = 0
        await caller.send(it.request(stream=True))
        loop = asyncio.get_running_loop()
        until = loop.time() + 10
        while not it.settlements():
            most = max(most, held_back(it))
            assert loop.time() < until
            await asyncio.sleep(0)
        assert it.settled.outcome == "cancelled"
        await it.provider.ended.wait()
        assert 0 < most <= 256 * 1024
        answer = read(await caller.to_the_end())
        assert answer.ending == "broken"


async def test_c_08_the_deadline_does_not_wait_for_a_caller_that_reads_nothing() -> None:
    async with gate(Flood(), request_timeout=0.5, write_stall_timeout=2.0) as it:
        async with calling(it.service.port, buffer=4096) as caller:
            await caller.send(it.request(stream=True))
            await soon(lambda: bool(it.settlements()), lambda: "not settled", within=5)
            assert it.settled.code == "deadline_exceeded"
            await soon(lambda: not it.service.open_exchanges(), lambda: "still at it", within=5)
            answer = read(await caller.to_the_end())
            assert (answer.ending, answer.code) == ("error", "deadline_exceeded")


@pytest.mark.parametrize("size", [8_000_000])
async def test_c_08_a_whole_answer_that_nobody_takes_is_given_up(size: int) -> None:
    large = json.dumps({"choices": [{"message": {"content": "x" * size}, "finish_reason": "stop"}]}).encode()
    async with gate(plays(plain(body=large)), write_stall_timeout=0.5) as it:
        async with calling(it.service.port, buffer=4096) as caller:
            await caller.send(it.request())
            await soon(lambda: bool(it.settlements()), lambda: "not settled", within=5)
            await soon(lambda: not it.service.open_connections(), lambda: "still there", within=10)
            assert len(await caller.to_the_end()) < size


async def test_c_10_half_a_head_on_many_connections_keeps_nobody_waiting() -> None:
    async with gate(plays(plain()), client_header_timeout=1.0) as it:
        halves = [calling(it.service.port) for _ in range(100)]
        callers = [await half.__aenter__() for half in halves]
        for caller in callers:
            await caller.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-half: ")
        assert (await it.ask()).status == 200
        answers = [read(await caller.to_the_end()) for caller in callers]
        assert {(answer.status, answer.code) for answer in answers} == {(408, "request_timeout")}
        for half in halves:
            await half.__aexit__(None, None, None)


@pytest.mark.parametrize("missing", [100, 1], ids=["C-11 a hundred bytes too few", "C-11 one byte too few"])
async def test_a_body_that_does_not_come_asks_nobody(missing: int) -> None:
    async with gate(plays(plain()), client_body_timeout=0.3) as it, calling(it.service.port) as caller:
        whole = it.request()
        length = b"content-length: %d" % len(whole.partition(b"\r\n\r\n")[2])
        await caller.send(whole.replace(length, b"content-length: %d" % (int(length.split()[1]) + missing)))
        answer = read(await caller.to_the_end())
        it.seen(answer)
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert it.provider.connections == 0


async def test_c_11_a_body_byte_by_byte_is_late_all_the_same() -> None:
    async with gate(plays(plain()), client_body_timeout=0.3) as it, calling(it.service.port) as caller:
        head, _, body = it.request().partition(b"\r\n\r\n")
        await caller.send(head + b"\r\n\r\n")

        async def trickle() -> None:
            for at in range(len(body) - 1):
                await caller.send(body[at : at + 1])
                await asyncio.sleep(0.05)

        trickling = asyncio.ensure_future(trickle())
        answer = read(await caller.to_the_end())
        trickling.cancel()
        await asyncio.wait([trickling])
        it.seen(answer)
        assert (answer.status, it.provider.connections) == (408, 0)


KEEP: dict[str, str] = {"connection": "keep-alive"}


async def test_c_12_a_bad_request_behind_a_good_one_is_answered_in_its_turn() -> None:
    async with gate(plays(WHOLE_STREAM)) as it, calling(it.service.port) as caller:
        await caller.send(it.request(stream=True, headers=KEEP) + b"NONSENSE\r\n\r\n")
        raw = await caller.to_the_end()
        first, _, rest = raw.partition(b"0\r\n\r\n")
        assert read(first + b"0\r\n\r\n").ending == "done"
        assert rest == b"" or read(rest).status == 400


async def test_c_12_answers_to_requests_sent_at_once_never_mix() -> None:
    texts = {f"m{number}": f"answer {number} " for number in range(6)}
    scripts = {
        name: plays(HEAD + framed(says(text, role="assistant"), says(text), finish(), DONE) + b"0\r\n\r\n")
        for name, text in texts.items()
    }
    async with gate(scripts) as it, calling(it.service.port) as caller:
        last = f"m{len(texts) - 1}"
        requests = [it.request(name, stream=True, headers={} if name == last else KEEP) for name in texts]
        await caller.send(b"".join(requests))
        raw = await caller.to_the_end()
        answers = [read(part + b"0\r\n\r\n") for part in raw.split(b"0\r\n\r\n")[:-1]]
        for answer in answers:
            it.seen(answer)
        assert [answer.text for answer in answers] == [text * 2 for text in texts.values()]


async def test_c_13_who_comes_and_goes_without_a_word_leaves_nothing() -> None:
    async with gate(plays(plain())) as it:
        for _ in range(1000):
            _, writer = await asyncio.open_connection("127.0.0.1", it.service.port)
            writer.close()
        assert (await it.ask()).status == 200


async def test_c_13_a_connection_without_a_next_request_is_closed() -> None:
    async with gate(plays(plain()), client_idle_timeout=0.5) as it, calling(it.service.port) as caller:
        await caller.send(it.request(headers=KEEP))
        it.seen(read(await caller.to_the_end()))


def offsets(request: bytes, count: int) -> list[tuple[int | None, int | None]]:
    """Where to stop sending, or reading."""
    sending: list[tuple[int | None, int | None]] = [
        (at, None) for at in range(0, len(request), len(request) // count)
    ]
    return sending + [(None, at) for at in range(1, 1500, 1500 // count)]


async def cut_off(caller: Caller, request: bytes, sent: int | None, heard: int | None, how: How) -> None:
    """A caller that leaves after so many bytes of its request, or of the answer."""
    await caller.send(request if sent is None else request[:sent])
    while heard is not None and len(caller.received) < heard and await caller._read():
        pass
    caller.leave(how)


async def test_c_14_leaving_at_any_byte_of_request_and_answer() -> None:
    async with gate(plays(WHOLE_STREAM)) as it:
        for number, (sent, heard) in enumerate(offsets(it.request(stream=True), 60)):
            how: Any = HOWS[number % 2]
            async with calling(it.service.port) as caller:
                await cut_off(caller, it.request(stream=True), sent, heard, how)
        assert (await it.ask(stream=True)).ending == "done"


@pytest.mark.parametrize("how", HOWS)
async def test_c_06_who_has_sent_a_large_body_is_seen_to_leave_too(how: How) -> None:
    async with gate(then_waits()) as it, calling(it.service.port) as caller:
        await caller.send(it.request(user="x" * 300_000))
        await soon(lambda: bool(it.provider.requests), lambda: "not asked")
        caller.leave(how)
        await it.provider.ended.wait()


@pytest.mark.parametrize("how", HOWS)
async def test_c_12_who_leaves_with_a_request_waiting_is_seen_to_leave_too(how: How) -> None:
    async with gate(then_waits()) as it, calling(it.service.port) as caller:
        await caller.send(it.request(headers=KEEP) + it.request(headers=KEEP))
        await soon(lambda: bool(it.provider.requests), lambda: "not asked")
        caller.leave(how)
        await it.provider.ended.wait()
        await soon(lambda: bool(it.settlements()), lambda: "not settled")
        assert it.settled.outcome == "cancelled"


async def test_c_06_leaving_a_list_of_models() -> None:
    async def silent(connection: Connection) -> None:
        await connection.until_closed()

    async with wire_server(silent) as catalogue:
        async with gate(plays(), litellm_proxy_url=catalogue.url.removesuffix("/path")) as it:
            async with calling(it.service.port) as caller:
                await caller.send(
                    f"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()
                )
                await soon(lambda: bool(catalogue.requests), lambda: "not asked")
                caller.leave("fin")
                await catalogue.closed.wait()
                await soon(lambda: bool(it.settlements()), lambda: "not settled")
                assert it.settled.outcome == "cancelled"
