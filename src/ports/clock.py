"""Time. The only way to it for the hexagon, so that a test can own it."""

from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """A call that is due at some time."""

    def cancel(self) -> object:
        """It shall not be made; no harm once it was."""


class Clock(Protocol):
    """A monotonic clock for durations and a wall clock for dates."""

    def now(self) -> float:
        """Seconds on a clock that never goes back. Only differences mean anything."""

    def wall(self) -> float:
        """Unix time in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Come back after so many seconds."""

    def alarm(self, at: float, call: Callable[[], object]) -> Alarm:
        """Have `call` called when `now` reaches `at`: by the event loop, never before this returns."""
