"""Callers that leave at any instant while there are fewer places than callers: does anything stay taken?"""

import asyncio
import random

from campaigns.figures import Figure, zero
from support.faults.caller import HOWS, calling
from support.faults.gate import Gate, gate
from support.faults.provider import paced
from support.faults.quiescence import connections_in_use, soon

PLACES = 20
CALLERS = 40


async def _leave(it: Gate, chance: random.Random) -> None:
    async with calling(it.service.port) as caller:
        request = it.request(stream=chance.random() < 0.8)
        await caller.send(request[: chance.choice([len(request)] * 9 + [chance.randrange(len(request))])])
        loop = asyncio.get_running_loop()
        gone = loop.create_future()
        loop.call_later(chance.random() * 0.02, gone.set_result, None)
        reading = asyncio.ensure_future(caller.to_the_end())
        await asyncio.wait([gone, reading], return_when=asyncio.FIRST_COMPLETED)
        caller.leave(chance.choice(HOWS))
        reading.cancel()
        await asyncio.wait([reading])


async def run(n: int, seed: int) -> list[Figure]:
    """Abort so many; leaving the gate fails where a slot, a task, a connection or a descriptor is left."""
    chance = random.Random(seed)  # noqa: S311 - a seed that can be given again, not a secret
    over, healthy = 0, 0
    async with gate(paced(5, 0.002), max_concurrent_requests=PLACES) as it:
        left = iter(range(n))

        async def callers() -> None:
            nonlocal over
            for _ in left:
                await _leave(it, chance)
                over += connections_in_use(it.service) > it.service.container.admission().in_flight

        await asyncio.gather(*(callers() for _ in range(CALLERS)))
        await soon(lambda: not it.service.container.admission().in_flight, lambda: "slots are left")
        for _ in range(100):
            healthy += (await it.ask(stream=True)).ending == "done"
    return [
        zero("slots, tasks, connections and descriptors left behind aborted streams", 0, n),
        zero("moments with more connections in use than requests in flight", over, n),
        zero("healthy requests afterwards that failed", 100 - healthy, 100),
    ]
