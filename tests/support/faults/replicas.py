"""Two replicas behind a balancer that watches their health, replaced one after the other under load."""

import asyncio
import itertools
import signal
from contextlib import ExitStack

from support.faults.callers_process import ask, chat, health, service
from support.faults.parts import plain
from support.faults.provider import paced
from support.faults.strict_answer import Answer
from support.processes import Process
from support.wire_server import Script, plays

REPLICAS = 2
CALLERS = 8
LOOKS_EVERY_S = 0.05
DELAY_S = 0.5  # in which a replica that stops is still called, since nobody has looked at it yet


SCRIPTS: dict[str, Script] = {"m": plays(plain()), "paced": paced(20, 0.02)}


class Replica:
    """One of the processes, while it runs."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._block = ExitStack()
        self.process: Process | None = None
        self.ready = False

    def start(self) -> None:
        """Start a new process, and come back when it answers."""
        self.process = self._block.enter_context(service(self._provider, drain_delay=DELAY_S))

    def stop(self) -> int:
        """Stop it as an operator would; its exit code."""
        assert self.process is not None
        self.process.popen.send_signal(signal.SIGTERM)
        code = self.process.popen.wait(20)
        self._block.close()
        return code

    async def look(self) -> None:
        """Note whether it is ready."""
        try:
            self.ready = self.process is not None and (await health(self.process)).status == 200
        except (AssertionError, OSError):  # it has no word for us, or does not listen
            self.ready = False


class Balancer:
    """Sends each request to the next replica that was ready when it was last asked."""

    def __init__(self, provider: str) -> None:
        self.replicas = [Replica(provider) for _ in range(REPLICAS)]
        self.answers: list[Answer] = []
        self.stopping = False
        self._turn = itertools.count()

    async def look(self) -> None:
        """Ask every replica, again and again."""
        while not self.stopping:
            for replica in self.replicas:
                await replica.look()
            await asyncio.sleep(LOOKS_EVERY_S)

    async def calls(self, *, stream: bool) -> None:
        """One request after the other; none is asked twice."""
        while not self.stopping:
            ready = [replica for replica in self.replicas if replica.ready]
            process = ready[next(self._turn) % len(ready)].process
            assert process is not None
            self.answers.append(await ask(process, chat("paced" if stream else "m", stream=stream)))


async def rolling(provider: str, rounds: int) -> list[Answer]:
    """Replace one replica after the other, so often, under load: what every caller saw."""
    balancer = Balancer(provider)
    for replica in balancer.replicas:
        await asyncio.to_thread(replica.start)
        await replica.look()
    load = [asyncio.ensure_future(balancer.look())]
    load += [asyncio.ensure_future(balancer.calls(stream=number % 2 == 0)) for number in range(CALLERS)]
    try:
        for turn in range(rounds):
            replica = balancer.replicas[turn % REPLICAS]
            assert await asyncio.to_thread(replica.stop) == 0
            await asyncio.to_thread(replica.start)
            async with asyncio.timeout(10):
                while not replica.ready:
                    await asyncio.sleep(0)
    finally:
        balancer.stopping = True
        await asyncio.gather(*load)
        for replica in balancer.replicas:
            await asyncio.to_thread(replica.stop)
    return balancer.answers
