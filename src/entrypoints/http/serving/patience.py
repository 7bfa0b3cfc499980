"""How long a connection may take over a request's headers, looked at for all connections at once."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

_EVERY_S = 1.0


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """How patient we are with callers, in seconds; `most` connections in one process.

    `header_timeout` from a request's first byte, `idle_timeout` between two requests, `stall_timeout` while a caller
    takes nothing of what was written for it.
    """

    header_timeout: float
    idle_timeout: float
    stall_timeout: float
    most: int


class Impatient(Protocol):
    """A connection that knows how long it has been waited for."""

    def look_at(self, now: float) -> None:
        """End it if its time is over. `now` is the event loop's clock, in seconds."""


class Sweeper:
    """One timer for all connections of a process: a timer for each request would cost more than what it watches.

    A deadline is noticed up to a second late. Nothing runs while there is no connection.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connections: Iterable[Impatient]) -> None:
        """See to it that these are looked at, now that there is one among them."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self._sweep, connections)

    def _sweep(self, connections: Iterable[Impatient]) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        present = list(connections)
        for connection in present:
            connection.look_at(now)
        if present:
            self.watch(connections)
