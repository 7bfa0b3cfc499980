"""P: processes that are killed, frozen, short of descriptors or replaced while others go on."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from support.faults.caller import calling
from support.faults.callers_process import ask, chat, ended, log_lines, service
from support.faults.parts import HEAD, framed, plain, words
from support.faults.provider import fault_provider
from support.faults.replicas import SCRIPTS, rolling
from support.faults.strict_answer import Answer, read
from support.processes import Process, free_port
from support.wire_server import plays, then_waits


def children(pid: int) -> list[int]:
    """The processes that it started and that live, but for helpers of the interpreter's own."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed if b"resource_tracker" not in command_of(int(child))]


def command_of(pid: int) -> bytes:
    """The command line of a process; one that has just ended counts as none of ours."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"resource_tracker"


async def test_p_05_a_worker_is_killed_and_the_others_go_on() -> None:
    async with fault_provider({"m": plays(plain()), "wait": then_waits(HEAD, framed(*words(2)))}) as provider:
        with service(provider.url, workers=2) as process:
            while len(children(process.popen.pid)) < 2:
                await asyncio.sleep(0)
            async with calling(process.port) as caller:
                await caller.send(chat("wait", stream=True))
                await caller.until(b"two ")
                first, second = children(process.popen.pid)
                os.kill(first, signal.SIGKILL)
                while first in children(process.popen.pid):
                    await asyncio.sleep(0)
                for _ in range(20):
                    assert (await ask(process, chat("m", stream=False))).status == 200
                while len(children(process.popen.pid)) < 2:
                    await asyncio.sleep(0)
                assert second in children(process.popen.pid)
                process.popen.send_signal(signal.SIGTERM)
                process.popen.send_signal(signal.SIGTERM)
                answer = read(await caller.to_the_end())
                assert answer.ending in ("broken", "error")  # with the worker it had, or with the service
            assert await ended(process, 10) == 0


async def test_p_05_workers_do_not_outlive_the_one_that_started_them() -> None:
    async with fault_provider({"m": plays(plain())}) as provider:
        with service(provider.url, workers=2) as process:
            while len(children(process.popen.pid)) < 2:
                await asyncio.sleep(0)
            assert (await ask(process, chat("m", stream=False))).status == 200
            left = children(process.popen.pid)
            process.kill()
            async with asyncio.timeout(10):
                while any(lives(pid) for pid in left):
                    await asyncio.sleep(0)


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_p_06_a_frozen_process_settles_everything_once_when_it_goes_on() -> None:
    async with fault_provider({"m": then_waits(HEAD, framed(*words(2))), "slow": then_waits()}) as provider:
        with service(provider.url, request_timeout=1) as process:
            requests = [chat("m", stream=True), chat("slow", stream=True), chat("slow", stream=False)] * 5
            callers = [calling(process.port) for _ in requests]
            there = [await each.__aenter__() for each in callers]
            for caller, request in zip(there, requests, strict=True):
                await caller.send(request)
            for caller in there[::3]:
                await caller.until(b"two ")
            while len(provider.requests) < len(requests):
                await asyncio.sleep(0)
            process.popen.send_signal(signal.SIGSTOP)
            await watched_for(1.5)  # longer than any request may take
            process.popen.send_signal(signal.SIGCONT)
            answers = [read(await caller.to_the_end()) for caller in there]
            for each in callers:
                await each.__aexit__(None, None, None)
            assert {answer.code for answer in answers} == {"deadline_exceeded"}
            process.popen.send_signal(signal.SIGTERM)
            assert await ended(process, 10) == 0
            lines = log_lines(process)
            assert len(lines) == len({line["request_id"] for line in lines}) == len(requests)
            assert sorted(line["outcome"] for line in lines) == ["failed"] * 10 + ["partial"] * 5


async def test_p_07_short_of_descriptors_it_refuses_and_recovers() -> None:
    async with fault_provider({"m": plays(plain()), "wait": then_waits(HEAD, framed(*words(2)))}) as provider:
        with service(provider.url, files=100) as process:
            assert "room for 18 connections, not for 10000" in process.log.read_text()
            async with calling(process.port) as inside, AsyncExitStack() as crowd:
                await inside.send(chat("wait", stream=True))
                await inside.until(b"two ")
                answers = []
                for _ in range(40):
                    caller = await crowd.enter_async_context(calling(process.port))
                    answers.append(caller)
                refused = [read(await caller.to_the_end()) for caller in answers[20:]]
                assert {(answer.status, answer.code) for answer in refused} == {(503, "overloaded")}
                await does_nothing(process)
            await recovers(process)
            process.popen.send_signal(signal.SIGTERM)
            assert await ended(process, 10) == 0
            assert [line["outcome"] for line in log_lines(process)] == ["cancelled", "ok"]


async def test_p_07_out_of_descriptors_all_the_same_it_goes_on_when_there_are_some() -> None:
    async with fault_provider({"m": plays(plain())}) as provider:
        with service(provider.url) as process:
            resource.prlimit(process.popen.pid, resource.RLIMIT_NOFILE, (64, 64))
            async with AsyncExitStack() as crowd:
                for _ in range(100):
                    await crowd.enter_async_context(calling(process.port))
                await does_nothing(process)
            await recovers(process)
            process.popen.send_signal(signal.SIGTERM)
            assert await ended(process, 10) == 0
            assert log_lines(process)[-1]["outcome"] == "ok"


async def watched_for(seconds: float) -> None:
    """Come back after so long: what is looked at is what a process does meanwhile."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over


async def does_nothing(process: Process) -> None:
    """It must not turn without an end while it can take nobody in."""
    busy = cpu_ticks(process)
    await watched_for(1.0)
    assert cpu_ticks(process) - busy < 50, "it turns without doing anything"


async def recovers(process: Process) -> None:
    """It answers again, before long."""
    async with asyncio.timeout(10):
        while (await eventually(process)) is None:
            pass


async def eventually(process: Process) -> Answer | None:
    """An answer, if there is one already."""
    try:
        answer = await ask(process, chat("m", stream=False))
    except (AssertionError, ConnectionError):
        return None
    return answer if answer.status == 200 else None


def cpu_ticks(process: Process) -> int:
    """Hundredths of a second that it has worked."""
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "P-12 an unknown setting": ({"LLM_PROXY__PROT": "1"}, "LLM_PROXY__PROT: there is no such setting. Did you mean LLM_PROXY__PORT?"),
    "P-12 a value out of range": ({"LLM_PROXY__PORT": "70000"}, "LLM_PROXY__PORT: must be a whole number from 0 to 65535."),
    "P-12 a mode without its address": ({"LLM_PROXY__LLM_MODE": "litellm"}, "LLM_PROXY__LITELLM_PROXY_URL: needed when LLM_PROXY__LLM_MODE is litellm."),
    "P-12 no key": ({"LLM_PROXY__HOST": "0.0.0.0"}, "LLM_PROXY__INTERNAL_API_KEY: needed to listen on 0.0.0.0"),
    "P-12 an address of somebody else": ({"LLM_PROXY__HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
}  # fmt: skip


@pytest.mark.parametrize(("environ", "line"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_one_line_and_exit_code_2(environ: dict[str, str], line: str, tmp_path: Path) -> None:
    key = (
        {}
        if "LLM_PROXY__HOST" in environ and environ["LLM_PROXY__HOST"] == "0.0.0.0"
        else {"LLM_PROXY__INTERNAL_API_KEY": "k"}
    )
    port = {} if "LLM_PROXY__PORT" in environ else {"LLM_PROXY__PORT": str(free_port())}
    command = [sys.executable, "-m", "entrypoints.cli.main", "serve"]
    ended = subprocess.run(
        command, cwd=tmp_path, env={**key, **port, **environ}, capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode == 2
    (told,) = ended.stderr.splitlines()
    assert line in told
    assert ended.stdout == ""


@pytest.mark.slow
async def test_p_04_replicas_are_replaced_and_no_request_fails() -> None:
    async with fault_provider(SCRIPTS) as provider:
        answers = await rolling(provider.url, rounds=4)
    assert len(answers) > 100
    assert {answer.ending for answer in answers} == {"whole", "done"}
    assert {answer.status for answer in answers} == {200}
