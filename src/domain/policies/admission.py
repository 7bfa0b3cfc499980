"""How much work is taken at once, and how that ends: a counter with a bound, and a door that closes in steps.

open --retire()--> retiring --drain()--> draining --end()--> over

open, retiring   enter() refuses at the bound only; retiring tells whoever sends us work to send it elsewhere
draining, over   enter() refuses everything; at `end` those still inside are told to leave
"""

from collections.abc import Callable

from domain.model.errors import Overloaded, ShuttingDown

RETRY_AFTER_S = 1.0
"""When to come back, in seconds: a moment, since another process may answer right away."""


class Admission:
    """Counts the requests in flight. Whoever entered must leave, exactly once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside: set[Callable[[], None]] = set()
        self.in_flight = 0
        self.retiring = False
        self.draining = False
        self.over = False

    def enter(self) -> None:
        """Take a place. Raises ShuttingDown or Overloaded, and takes none then."""
        if self.draining:
            raise ShuttingDown("The service is shutting down.", retry_after=RETRY_AFTER_S)
        if self.in_flight >= self._limit:
            raise Overloaded("Too many requests are in flight.", retry_after=RETRY_AFTER_S)
        self.in_flight += 1

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1

    def when_over(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have `tell` called at `end`. Returns how to have it not called."""
        self._inside.add(tell)
        return lambda: self._inside.discard(tell)

    def retire(self) -> None:
        """New work should go elsewhere, and what comes all the same is still done."""
        self.retiring = True

    def drain(self) -> None:
        """Take no new work; what is in flight goes on."""
        self.retiring = self.draining = True

    def end(self) -> None:
        """Tell those still inside that there is no more time."""
        self.drain()
        self.over = True
        for tell in tuple(self._inside):
            tell()
