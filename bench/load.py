"""The load generator, a process of its own: jobs come as JSON lines on standard input, results leave the same way."""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from caller import Answer, Caller, message

Job = dict[str, Any]
_RAMP_S = 0.02  # the callers of a job begin spread over this, so that they do not march in step


async def crowd(job: Job) -> dict[str, Any]:
    """`connections` callers, each asking again as soon as it was answered, for `seconds`; or `each` times."""
    request = message(job["model"], stream=job["stream"], key=job["key"])
    callers = [await Caller.connected(job["port"]) for _ in range(job["connections"])]
    answers: list[Answer] = []
    lost = 0
    begin = time.perf_counter()

    async def asks(place: int, caller: Caller) -> None:
        nonlocal lost
        await asyncio.sleep(job.get("ramp", _RAMP_S) * place / len(callers))
        left = job.get("each", sys.maxsize)
        while left and time.perf_counter() - begin < job.get("seconds", 3600):
            left -= 1
            try:
                answers.append(await caller.ask(request, stream=job["stream"]))
            except ConnectionError:
                lost += 1
                return

    await asyncio.gather(*(asks(place, caller) for place, caller in enumerate(callers)))
    took = time.perf_counter() - begin
    for caller in callers:
        caller.close()
    return {
        "answers": len(answers),
        "events": sum(answer.events for answer in answers),
        "errors": lost + sum(not answer.ok for answer in answers),
        "seconds": took,
    }


async def in_turns(job: Job) -> dict[str, Any]:
    """One call a time and port, `rate` rounds a second: milliseconds until the end and until the first text."""
    request = message(job["model"], stream=job["stream"], key=job["key"])
    callers = [await Caller.connected(port) for port in job["ports"]]
    total: list[list[float]] = [[] for _ in callers]
    first: list[list[float]] = [[] for _ in callers]
    errors = 0
    begin = time.perf_counter()
    for turn in range(job["rounds"]):
        await asyncio.sleep(max(0.0, begin + turn / job["rate"] - time.perf_counter()))
        for place, caller in enumerate(callers):
            answer = await caller.ask(request, stream=job["stream"])
            errors += not answer.ok
            total[place].append(answer.total * 1000)
            first[place].append(answer.first * 1000)
    for caller in callers:
        caller.close()
    return {"total": total, "first": first, "errors": errors}


async def main() -> None:
    """Do one job after the other until standard input ends."""
    jobs = {"crowd": crowd, "in_turns": in_turns}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        job = json.loads(line)
        before = time.process_time()
        result = await jobs[job["kind"]](job)
        print(json.dumps({**result, "cpu": time.process_time() - before}), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
