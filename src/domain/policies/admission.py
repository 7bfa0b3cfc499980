"""How much work is taken at once. A counter with a bound, and a door that can be shut.

open --drain()--> draining        enter() refuses while draining, and at the bound
"""

from domain.model.errors import Overloaded, ShuttingDown

_TRY_AGAIN_S = 1.0


class Admission:
    """Counts the requests in flight. Whoever entered must leave, exactly once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0
        self.draining = False

    def enter(self) -> None:
        """Take a place. Raises ShuttingDown or Overloaded, and takes none then."""
        if self.draining:
            raise ShuttingDown("The service is shutting down.", retry_after=_TRY_AGAIN_S)
        if self.in_flight >= self._limit:
            raise Overloaded("Too many requests are in flight.", retry_after=_TRY_AGAIN_S)
        self.in_flight += 1

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1

    def drain(self) -> None:
        """Take no new work; what is in flight goes on."""
        self.draining = True
