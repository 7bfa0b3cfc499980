"""Time. The only way to it for the hexagon, so that a test can own it."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock for durations and a wall clock for dates."""

    def now(self) -> float:
        """Seconds on a clock that never goes back. Only differences mean anything."""

    def wall(self) -> float:
        """Unix time in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Come back after so many seconds."""

    def deadline(self, at: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError when `now` reaches `at`."""
