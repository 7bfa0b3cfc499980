"""What one hostile answer, body or reader costs in memory, and how long everybody else waits meanwhile."""

import asyncio
import gzip
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from campaigns.figures import Figure, at_most
from support.faults.caller import calling
from support.faults.callers_process import CHAT, ask, chat, service, status
from support.faults.parts import HEAD, completion, framed, plain, says
from support.faults.prober import probing
from support.faults.provider import fault_provider
from support.processes import Process
from support.running_service import post
from support.wire_server import Connection, Script, plays

MIB = 1024 * 1024
READERS = 100


def bomb() -> bytes:
    """A gigabyte of spaces in about a megabyte."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6) as file:
        for _ in range(1024):
            file.write(b" " * MIB)
    return packed.getvalue()


async def endless_line(connection: Connection) -> None:
    """64 MiB without a line end."""
    await connection.send(HEAD, framed(says("hi", role="assistant"), b'data: {"choices":[{"delta":{"content":"'))
    for _ in range(1024):
        await connection.send(framed(b"A" * 65_536))


async def flood(connection: Connection) -> None:
    """200,000 differing pieces of 1 KiB, as fast as they are taken."""
    await connection.send(HEAD, framed(says("hi", role="assistant")))
    for number in range(200_000):
        await connection.send(framed(says(f"{number} " + "y" * 1000)))


async def for_ever(connection: Connection) -> None:
    """More for as long as somebody takes it."""
    await connection.send(HEAD)
    piece = framed(says("x" * 16_000, role="assistant"))
    while True:
        await connection.send(piece)


def nested(unit: bytes, size: int) -> bytes:
    """A body of this size that is nearly all structure."""
    head = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"x":['
    return head + unit * ((size - len(head) - 3) // len(unit)) + b"1]}"


@contextmanager
def watched(process: Process) -> Iterator[Callable[[], tuple[float, float]]]:
    """A block whose growth (MiB at its peak) and longest wait of others (ms) can be told behind it."""
    pid = process.popen.pid
    with probing(process.port) as longest:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
        before = status(pid, "VmRSS")
        yield lambda: ((status(pid, "VmHWM") - before) / 1024, longest())


async def _slow_readers(process: Process) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(READERS):
            caller = await stack.enter_async_context(calling(process.port, buffer=4096))
            await caller.send(chat("for-ever", stream=True))
        loop = asyncio.get_running_loop()
        full = loop.create_future()
        loop.call_later(3.0, full.set_result, None)  # every buffer on the way has filled by then
        await full


def _asks(request: bytes) -> Callable[[Process], Awaitable[object]]:
    return lambda process: ask(process, request)


async def run(_n: int, _seed: int) -> list[Figure]:
    """Every case once, in a process of its own."""
    packed = bomb()
    large = json.dumps(completion("x" * (60 * MIB))).encode()
    scripts: dict[str, Script] = {
        "bomb": plays(plain(body=packed, headers="content-encoding: gzip\r\n")),
        "line": endless_line,
        "flood": flood,
        "for-ever": for_ever,
        "large": plays(plain(body=large)),
        "m": plays(plain()),
    }
    text = b'{"model":"m","messages":[{"role":"user","content":"' + b"\\n" * (16 * MIB - 100) + b'"}]}'
    cases: dict[str, tuple[Callable[[Process], Awaitable[object]], float, float]] = {
        "a gzip bomb of 1 GiB, whole": (_asks(chat("bomb", stream=False)), 16, 100),
        "a gzip bomb of 1 GiB, streamed": (_asks(chat("bomb", stream=True)), 16, 100),
        "a line of 64 MiB": (_asks(chat("line", stream=True)), 24, 100),
        "200,000 pieces at line rate": (_asks(chat("flood", stream=True)), 24, 100),
        f"{READERS} readers that read nothing (each at most 0.25)": (_slow_readers, READERS / 4, 100),
        "an answer of 60 MiB": (_asks(chat("large", stream=False)), 601, 250),
        "a body of 32 MiB of text": (_asks(post(CHAT, text)), 321, 100),
        "a body of 32 MiB of lists": (_asks(post(CHAT, nested(b"[],", 32 * MIB))), 321, 100),
        "a body of 32 MiB of nested lists": (_asks(post(CHAT, nested(b"[" * 60 + b"]" * 60 + b",", 32 * MIB))), 321, 100),
        "a body of 32 MiB of numbers": (_asks(post(CHAT, nested(b"1,", 32 * MIB))), 321, 100),
        "a body of 40 MB without a key": (_asks(post(CHAT, b"x" * 40_000_000, key=None)), 16, 100),
    }  # fmt: skip
    figures: list[Figure] = []
    async with fault_provider(scripts) as provider:
        for name, (does, most, longest) in cases.items():
            with service(provider.url) as process:
                await ask(process, chat("m", stream=True))
                with watched(process) as told:
                    await does(process)
                    grown, waited = told()
            figures.append(at_most(f"memory, {name}", grown, 1, most, "MiB"))
            figures.append(at_most(f"longest wait of others, {name}", waited, 1, longest, "ms"))
    return figures
