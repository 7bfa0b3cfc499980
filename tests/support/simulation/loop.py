"""An event loop whose time is a number: it jumps to the next timer when nothing is ready, and nothing is waited for."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from typing_extensions import override

_START = 1_000.0
_WALL = 1_800_000_000.0
_RESOLUTION_S = 1e-9  # timers that are nearer than this run in one turn
_MOST_TURNS = 400_000

Connect = Callable[[Callable[[], asyncio.BaseProtocol], str, int], Awaitable[tuple[Any, Any]]]
LookUp = Callable[[str, int], Awaitable[Any]]


def chance(*names: object) -> random.Random:
    """A source of chance of its own for whatever these name: the same in every run, and in every process."""
    return random.Random("/".join(map(str, names)))  # noqa: S311 - to be repeatable is the point


class Endless(Exception):
    """The loop turns and turns."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs in virtual seconds. `connect` and `look_up` are what `create_connection` and `getaddrinfo` mean here.

    Keeps every task that was made, and every trouble that nobody handled.
    """

    def __init__(self, connect: Connect, look_up: LookUp) -> None:
        super().__init__()
        self._connect = connect
        self._look_up = look_up
        self._now = _START
        self._clock_resolution = _RESOLUTION_S
        self._selector = self  # asyncio's base loop asks it what is ready outside
        self._limit = _START
        self._at_turn: dict[int, list[Callable[[], object]]] = {}
        self.turns = 0
        self.made: list[asyncio.Task[Any]] = []
        self.troubles: list[str] = []
        self.set_exception_handler(self._note_trouble)
        self.set_task_factory(cast(Any, self._keep_task))

    @property
    def age(self) -> float:
        """Virtual seconds since it was made."""
        return self._now - _START

    @override
    def time(self) -> float:
        return self._now

    def call_at_turn(self, turn: int, call: Callable[[], object]) -> None:
        """Have `call` called as if the network had something to tell in that turn of the loop."""
        self._at_turn.setdefault(turn, []).append(call)

    def run_until_idle(self, within: float) -> bool:
        """Run until nothing is left to do, or for so many virtual seconds. Whether nothing is left.

        Raises Endless.
        """
        self._limit = self._now + within
        self.run_forever()
        return not self.waiting()

    def waiting(self) -> list[asyncio.TimerHandle]:
        """The timers that are still to come."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined] # the base loop's own heap
        return sorted([timer for timer in timers if not timer.cancelled()], key=asyncio.TimerHandle.when)

    def unretrieved(self) -> list[str]:
        """The tasks that ended in an error which nobody has looked at."""
        return [
            repr(task.get_coro())
            for task in self.made
            if task.done() and task._log_traceback  # what asyncio's warning is made from
        ]

    def select(self, timeout: float | None) -> list[object]:
        """For the base loop: what happened outside. Time goes by here, and nowhere else."""
        self.turns += 1
        if self.turns > _MOST_TURNS:
            raise Endless(f"more than {_MOST_TURNS} turns")
        for call in self._at_turn.pop(self.turns, ()):
            call()
        if timeout == 0 or self._ready:  # type: ignore[attr-defined] # the base loop's own queue
            return []
        timers = self._scheduled  # type: ignore[attr-defined] # same; its first is the next, and is not cancelled
        if not timers or timers[0].when() > self._limit:
            self._now = max(self._now, self._limit) if timers else self._now
            self.stop()
        else:
            self._now = max(self._now, timers[0].when())
        return []

    @override
    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self._connect(protocol_factory, host, port)

    @override
    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        return await self._look_up(host, port)

    @override
    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override] # never returns
        raise AssertionError("a thread would not keep virtual time")

    def _process_events(self, _events: list[object]) -> None:
        """For the base loop: there are none."""

    def _write_to_self(self) -> None:
        """For the base loop: nobody sleeps."""

    def _note_trouble(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.troubles.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _keep_task(self, loop: Any, coro: Coroutine[Any, Any, Any], **given: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **given)
        self.made.append(task)
        return task


class LoopClock:
    """Implements ports.clock: the loop's time is the only one there is."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.now = loop.time

    def wall(self) -> float:
        """See ports.clock."""
        return _WALL + self._loop.age

    async def sleep(self, seconds: float) -> None:
        """See ports.clock."""
        await asyncio.sleep(seconds)

    def alarm(self, at: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """See ports.clock."""
        return self._loop.call_at(at, call)
