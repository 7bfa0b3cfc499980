"""A provider's stream cut at every byte, in three ways: how many of the answers look finished and are not?"""

import asyncio
import random

from campaigns.figures import Figure, zero
from support.faults.callers_process import ask, chat, service
from support.faults.parts import DONE, END, HEAD, finish, framed, usage, words
from support.faults.provider import fault_provider
from support.wire_server import Connection, Script

EVENTS = [*words(12), finish(), usage(), DONE]
PAYLOAD = b"".join(EVENTS)
WIRE = HEAD + framed(*EVENTS) + END
FINISHED = len(b"".join(EVENTS[:13])) - 2  # of the payload: the event that says why it ended, without its blank line
DONE_ON_WIRE = WIRE.index(DONE) + len(DONE)
WAYS = ("clean", "fin", "rst")


class Cuts(dict[str, Script]):
    """Scripts by names such as `cut-fin-512`."""

    def __missing__(self, name: str) -> Script:
        _, how, at = name.split("-")
        return _cut(how, int(at))


def _cut(how: str, at: int) -> Script:
    async def script(connection: Connection) -> None:
        if how == "clean":  # HTTP ends as it should, the answer does not
            await connection.send(HEAD, framed(PAYLOAD[:at]) if at else b"", END)
            return
        await connection.send(WIRE[:at])
        if how == "rst":
            connection.reset()
        raise ConnectionError

    return script


def points(n: int, seed: int) -> list[str]:
    """So many names, spread over all bytes and ways."""
    every = [f"cut-{how}-{at}" for how in WAYS for at in range(len(PAYLOAD if how == "clean" else WIRE))]
    chance = random.Random(seed)  # noqa: S311 - a seed that can be given again, not a secret
    chance.shuffle(every)
    return [every[number % len(every)] for number in range(n)]


def is_whole(name: str) -> bool:
    """Whether a provider that was cut there had said all that an answer needs."""
    _, how, at = name.split("-")
    return int(at) >= (FINISHED if how == "clean" else DONE_ON_WIRE)


async def run(n: int, seed: int) -> list[Figure]:
    """Ask for so many cut streams."""
    lies: list[str] = []
    silent: list[str] = []
    names = points(n, seed)
    queue = iter(names)
    async with fault_provider(Cuts()) as provider:
        with service(provider.url) as process:

            async def caller() -> None:
                for name in queue:
                    answer = await ask(process, chat(name, stream=True))
                    if answer.ending == "done" and not is_whole(name):
                        lies.append(name)
                    if answer.ending == "broken" or (answer.ending == "whole" and answer.status == 200):
                        silent.append(name)

            await asyncio.gather(*(caller() for _ in range(8)))
    return [
        zero("truncated answers presented as complete", len(lies), n),
        zero("streams without an ending", len(silent), n),
        Figure("distinct cut points", str(len(set(names))), n, "-", good=True),
    ]
