"""P: the process is told to stop. Nobody loses an answer there is time for, and nobody gets one that looks whole."""

import asyncio
import signal
import socket

import pytest

from support.faults.caller import calling
from support.faults.callers_process import ask, chat, ended, health, log_lines, service
from support.faults.parts import DONE, END, HEAD, finish, framed, plain, says, words
from support.faults.provider import fault_provider
from support.faults.strict_answer import read
from support.wire_server import Connection, Script, plays, then_waits


class Held:
    """Says the first words of every stream, and the rest when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = asyncio.Event()

    async def __call__(self, connection: Connection) -> None:
        self.asked += 1
        await connection.send(HEAD, framed(says("one ", role="assistant")))
        await self.go_on.wait()
        await connection.send(framed(says("two "), finish(), DONE), END)


async def test_p_01_a_hundred_streams_open_at_sigterm_all_come_to_their_end() -> None:
    held = Held()
    async with fault_provider({"m": held}) as provider:
        with service(provider.url, drain_timeout=20) as process:
            streams = [asyncio.ensure_future(ask(process, chat("m", stream=True))) for _ in range(100)]
            while held.asked < 100:
                await asyncio.sleep(0)
            process.popen.send_signal(signal.SIGTERM)
            while await asyncio.to_thread(listens, process.port):
                pass
            held.go_on.set()
            answers = await asyncio.gather(*streams)
            assert [(answer.ending, answer.text) for answer in answers] == [("done", "one two ")] * 100
            assert await ended(process, 10) == 0
            assert [line["outcome"] for line in log_lines(process)] == ["ok"] * 100


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


async def test_p_01_told_to_stop_it_is_not_ready_at_once_and_works_until_the_delay_is_over() -> None:
    async with fault_provider({"m": plays(plain())}) as provider:
        with service(provider.url, drain_delay=2) as process:
            assert (await health(process)).status == 200
            process.popen.send_signal(signal.SIGTERM)
            while (await health(process)).status == 200:
                pass
            answer = await health(process)
            assert answer.document is not None
            assert (answer.status, answer.document["reasons"]) == (503, ["shutting down"])
            kept = chat("m", stream=False, headers={"connection": "keep-alive"})
            assert (await ask(process, kept)).headers["connection"] == "close"
            assert await ended(process, 10) == 0


@pytest.mark.parametrize(
    "stop", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP], ids=lambda each: f"P-03 {each.name}"
)
async def test_every_signal_to_stop_lets_running_streams_finish(stop: signal.Signals) -> None:
    held = Held()
    async with fault_provider({"m": held}) as provider:
        with service(provider.url) as process:
            stream = asyncio.ensure_future(ask(process, chat("m", stream=True)))
            while not held.asked:
                await asyncio.sleep(0)
            process.popen.send_signal(stop)
            while await asyncio.to_thread(listens, process.port):
                pass
            held.go_on.set()
            assert (await stream).ending == "done"
            assert await ended(process, 10) == 0


SLOW: dict[str, tuple[Script, bool]] = {
    "P-02 in the middle of a stream": (then_waits(HEAD, framed(*words(2))), True),
    "P-02 before a stream begins": (then_waits(), True),
    "P-02 before a whole answer": (then_waits(), False),
}


@pytest.mark.parametrize(("script", "stream"), SLOW.values(), ids=SLOW)
async def test_what_has_not_finished_in_time_is_told_so(script: Script, *, stream: bool) -> None:
    async with fault_provider({"m": script}) as provider:
        with service(provider.url, drain_timeout=0.5) as process:
            async with calling(process.port) as caller:
                await caller.send(chat("m", stream=stream))
                while not provider.requests:
                    await asyncio.sleep(0)
                if script is SLOW["P-02 in the middle of a stream"][0]:
                    await caller.until(b"two ")
                process.popen.send_signal(signal.SIGTERM)
                answer = read(await caller.to_the_end())
            assert answer.code == "shutting_down"
            assert await ended(process, 5) == 0
            (line,) = log_lines(process)
            if answer.text:
                assert (answer.status, answer.ending, answer.text) == (200, "error", "one two ")
                assert line["outcome"] == "partial"
            else:
                assert (answer.status, answer.headers["retry-after"], line["outcome"]) == (503, "1", "failed")
            assert line["code"] == "shutting_down"


async def test_p_02_who_does_not_read_cannot_hold_the_process() -> None:
    async def floods(connection: Connection) -> None:
        await connection.send(HEAD)
        while True:
            await connection.send(framed(says("x" * 50_000, role="assistant")))

    async with fault_provider({"m": floods}) as provider:
        with service(provider.url, drain_timeout=0.5) as process:
            async with calling(process.port, buffer=4096) as caller:
                await caller.send(chat("m", stream=True))
                await caller.until(b"xxx")
                process.popen.send_signal(signal.SIGTERM)
                assert await ended(process, 5) == 0
                (line,) = log_lines(process)
                assert (line["outcome"], line["code"]) == ("partial", "shutting_down")


async def test_p_03_a_second_word_to_stop_waits_no_longer() -> None:
    async with fault_provider({"m": then_waits(HEAD, framed(*words(2)))}) as provider:
        with service(provider.url, drain_timeout=60) as process:
            async with calling(process.port) as caller:
                await caller.send(chat("m", stream=True))
                await caller.until(b"two ")
                process.popen.send_signal(signal.SIGTERM)
                while await asyncio.to_thread(listens, process.port):
                    pass
                process.popen.send_signal(signal.SIGTERM)
                answer = read(await caller.to_the_end())
            assert (answer.ending, answer.code) == ("error", "shutting_down")
            assert await ended(process, 5) == 0
            assert [line["outcome"] for line in log_lines(process)] == ["partial"]
