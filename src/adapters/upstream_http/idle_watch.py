"""Silence in the middle of an answer, noticed with one timer an answer: it looks at a timestamp and moves itself."""

import asyncio
from collections.abc import Callable


class IdleWatch:
    """Calls `on_idle` once, when a read has waited for `seconds`. A caller who does not read is not silence."""

    def __init__(self, seconds: float | None, on_idle: Callable[[], None]) -> None:
        self._seconds = seconds
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._reading_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.expired = False

    def reading(self) -> None:
        """A read begins."""
        if self._seconds is None:
            return
        self._reading_since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def read(self) -> None:
        """The read has brought something."""
        self._reading_since = None

    def stop(self) -> None:
        """No more reads."""
        if self._timer is not None:
            self._timer.cancel()
        self._on_idle = _nobody  # whoever watches holds us, too: no circle shall stay

    def _look(self) -> None:
        seconds = self._seconds or 0.0
        since = self._reading_since
        now = self._loop.time()
        due = now + seconds if since is None else since + seconds
        if due > now:
            self._timer = self._loop.call_at(due, self._look)
            return
        self.expired = True
        self._on_idle()


def _nobody() -> None:
    pass
