"""How long after a caller has left does its provider see the connection close? In every phase, in every way."""

import asyncio

from campaigns.figures import Figure, at_most, quantile, zero
from support.faults.caller import HOWS, How, calling
from support.faults.callers_process import chat, service
from support.faults.parts import HEAD, framed, plain, says, words
from support.faults.provider import FaultProvider, fault_provider
from support.processes import Process
from support.running_service import post
from support.wire_server import Connection, then_waits

FIRST = framed(says("one ", role="assistant"))


async def flows(connection: Connection) -> None:
    """Goes on speaking."""
    await connection.send(HEAD, FIRST)
    while True:
        await connection.send(framed(*words(3)))
        await asyncio.sleep(0.002)  # the provider's own pace


SCRIPTS = {"nothing": then_waits(), "head": then_waits(HEAD), "first": then_waits(HEAD, FIRST), "flows": flows}
SCRIPTS |= {"half": then_waits(plain()[:-20])}
PHASES: dict[str, tuple[bytes, bytes]] = {
    "stream, before the head": (chat("nothing", stream=True), b""),
    "stream, before the first token": (chat("head", stream=True), b""),
    "stream, after the first token": (chat("first", stream=True), b"one "),
    "stream, while it flows": (chat("flows", stream=True), b"three "),
    "whole, before the head": (chat("nothing", stream=False), b""),
    "whole, within the body": (chat("half", stream=False), b""),
    "embeddings": (post("/v1/embeddings", b'{"model":"nothing","input":"x"}'), b""),
}


async def _one(process: Process, provider: FaultProvider, request: bytes, heard: bytes, how: How) -> float:
    asked = len(provider.requests)
    provider.ended.clear()
    async with calling(process.port) as caller:
        await caller.send(request)
        while len(provider.requests) == asked:
            await asyncio.sleep(0)
        await caller.until(heard)
        left_at = asyncio.get_running_loop().time()
        caller.leave(how)
        await provider.ended.wait()
        return provider.ended_at - left_at


async def run(n: int, _seed: int) -> list[Figure]:
    """Leave so often, spread evenly over phases and ways."""
    figures: list[Figure] = []
    each = max(1, n // (len(PHASES) * len(HOWS)))
    everything: list[float] = []
    async with fault_provider(SCRIPTS) as provider:
        with service(provider.url) as process:
            for name, (request, heard) in PHASES.items():
                took = [
                    await _one(process, provider, request, heard, how) * 1000 for how in HOWS for _ in range(each)
                ]
                everything += took
                figures.append(at_most(f"upstream closed, {name}, p99", quantile(took, 0.99), len(took), 50, "ms"))
    figures.append(at_most("upstream closed, all phases, p99", quantile(everything, 0.99), len(everything), 50, "ms"))
    figures.append(at_most("upstream closed, all phases, longest", max(everything), len(everything), 250, "ms"))
    return [*figures, zero("upstream connections never closed", 0, len(everything))]
