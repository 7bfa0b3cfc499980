"""Minutes of mixed load with five faults in a hundred: memory, descriptors and threads flat, every outcome logged once."""

import asyncio
import random
from collections import Counter
from pathlib import Path

from campaigns.figures import Figure, at_most, zero
from support.faults.caller import HOWS, calling
from support.faults.callers_process import ask, chat, log_lines, service, status
from support.faults.parts import HEAD, WHOLE_STREAM, error_body, framed, plain, stream, words
from support.faults.provider import fault_provider, paced
from support.processes import Process
from support.wire_server import plays, then_closes, then_resets, then_waits

CALLERS = 16
WARM_UP = 0.2  # of the whole time
FAULTS = ("cut", "reset", "hang", "500", "html", "bad", "silence")


SCRIPTS = {
    "whole": plays(plain()),
    "burst": plays(WHOLE_STREAM),
    "paced": paced(15, 0.02),
    "cut": then_closes(HEAD, framed(*words())),
    "reset": then_resets(HEAD, framed(*words())),
    "hang": then_waits(),
    "500": plays(plain("500 Internal Server Error", error_body())),
    "html": plays(plain(body=b"<html></html>", kind="text/html")),
    "bad": plays(stream(*words(), b"data: {\n\n")),
    "silence": then_waits(HEAD, framed(*words())),
}


class Load:
    """What was asked, and how it ended for the callers."""

    def __init__(self, process: Process, seed: int) -> None:
        self._process = process
        self._chance = random.Random(seed)  # noqa: S311 - a seed that can be given again, not a secret
        self.stopping = False
        self.endings: Counter[str] = Counter()
        self.asked = 0

    async def caller(self) -> None:
        """One request after the other."""
        while not self.stopping:
            self.asked += 1
            model = self._chance.choice(("whole", "burst", "paced"))
            if self._chance.random() < 0.05:
                model = self._chance.choice((*FAULTS, "leave"))
            if model == "leave":
                await self._leaves()
            else:
                await self._asks(model)

    async def _asks(self, model: str) -> None:
        answer = await ask(self._process, chat(model, stream=model != "whole"))
        ending = answer.ending if answer.status == 200 else str(answer.status)
        self.endings[ending] += 1

    async def _leaves(self) -> None:
        async with calling(self._process.port) as caller:
            await caller.send(chat("paced", stream=True))
            await caller.until(b"two ")
            caller.leave(self._chance.choice(HOWS))
        self.endings["left"] += 1


def _sample(process: Process) -> tuple[int, int, int]:
    pid = process.popen.pid
    return status(pid, "VmRSS"), len(list(Path(f"/proc/{pid}/fd").iterdir())), status(pid, "Threads")


async def run(n: int, seed: int) -> list[Figure]:
    """So many minutes."""
    seconds = n * 60
    samples: list[tuple[int, int, int]] = []
    async with fault_provider(SCRIPTS) as provider:
        with service(provider.url, request_timeout=2, log_level="info") as process:
            load = Load(process, seed)
            callers = [asyncio.ensure_future(load.caller()) for _ in range(CALLERS)]
            loop = asyncio.get_running_loop()
            until = loop.time() + seconds
            while loop.time() < until:
                await asyncio.sleep(min(5.0, seconds / 20))  # between two samples
                samples.append(_sample(process))
            load.stopping = True
            await asyncio.gather(*callers)
            while _sample(process)[1] > samples[0][1] + CALLERS * 2:
                await asyncio.sleep(0)
            logged = Counter(line["outcome"] for line in log_lines(process))
            idle = _sample(process)
    warm = samples[int(len(samples) * WARM_UP) :]
    half = len(warm) // 2
    first, last = _mean(warm[:half]), _mean(warm[half:])
    expected = {"ok": load.endings["done"] + load.endings["whole"], "cancelled": load.endings["left"]}
    return [
        at_most("memory growth after warming up", (last[0] / first[0] - 1) * 100, load.asked, 5, "%"),
        at_most("more descriptors", last[1] - first[1], load.asked, 2, ""),
        at_most("more threads", last[2] - first[2], load.asked, 0, ""),
        zero("requests that are not logged once", abs(load.asked - logged.total()), load.asked),
        zero("outcomes that callers saw otherwise", sum(abs(logged[o] - k) for o, k in expected.items()), load.asked),
        Figure("requests", f"{load.asked}, outcomes {dict(logged)}", load.asked, "-", good=True),
        Figure(
            "memory", f"{warm[0][0] // 1024} MiB warm, {idle[0] // 1024} MiB at the end", len(samples), "-", good=True
        ),
    ]


def _mean(samples: list[tuple[int, int, int]]) -> tuple[float, float, float]:
    size = max(1, len(samples))
    rss, descriptors, threads = (sum(each[index] for each in samples) / size for index in range(3))
    return rss, descriptors, threads
