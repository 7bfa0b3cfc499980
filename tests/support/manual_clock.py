"""A clock that stands still until a test moves it."""

import asyncio
from collections.abc import Callable


class ManualClock:
    """Implements ports.clock. `advance` wakes those whose time has come."""

    def __init__(self, now: float = 0.0, wall: float = 1_700_000_000.0) -> None:
        self._now = now
        self._wall = wall
        self._alarms: list[tuple[float, asyncio.Future[None]]] = []
        self._sleeping = asyncio.Condition()
        self.sleepers = 0

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._wall += seconds
        due = [alarm for alarm in self._alarms if alarm[0] <= self._now]
        self._alarms = [alarm for alarm in self._alarms if alarm[0] > self._now]
        for _, bell in sorted(due, key=lambda alarm: alarm[0]):
            if not bell.done():
                bell.set_result(None)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._sleepers_changed(1)
        try:
            await self._alarm(self._now + seconds)
        finally:
            self.sleepers -= 1

    async def until_sleeping(self, count: int = 1) -> None:
        async with self._sleeping:
            await self._sleeping.wait_for(lambda: self.sleepers >= count)

    def alarm(self, at: float, call: Callable[[], object]) -> asyncio.Future[None]:
        bell = self._alarm(at)
        bell.add_done_callback(lambda done: None if done.cancelled() else call())
        if at <= self._now:
            bell.set_result(None)
        return bell

    def _alarm(self, at: float) -> asyncio.Future[None]:
        bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alarms.append((at, bell))
        return bell

    async def _sleepers_changed(self, by: int) -> None:
        async with self._sleeping:
            self.sleepers += by
            self._sleeping.notify_all()
