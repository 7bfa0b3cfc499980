"""One direction of a simulated connection: what goes in at one end comes out at the other, late, cut, and in order."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Final

from msgspec import Struct

from support.simulation.loop import VirtualLoop

_TINY_FOR: Final = 1500  # bytes of a direction that are cut finely, where they are at all
_APART_S: Final = 1e-12
_SAME_TURN_S: Final = 1e-10  # nearer than what the loop tells apart


class Weather(Struct, frozen=True, kw_only=True):
    """How a network behaves. Delays are one way, in seconds; with a `grid` things arrive at its multiples only.

    `window` bounds the bytes of one direction that are under way or unread. `tiny` cuts the first of them into
    pieces of so many bytes at most. `lazy` sends at the end of a turn of the loop, as uvloop does.
    """

    least: float
    most: float
    grid: float = 0.0
    window: int = 64 * 1024
    tiny: int = 0
    lazy: bool = False

    @property
    def longest(self) -> float:
        """The longest delay there is."""
        return self.most + self.grid


class Mark(Enum):
    """What can be under way beside bytes."""

    FIN = "its end"
    RST = "a reset"


Parcel = bytes | Mark


class Line:
    """Bytes wait in `unsent` until the window has room for them. `deliver` is called for each piece that arrives."""

    def __init__(
        self, loop: VirtualLoop, weather: Weather, chance: Random, deliver: Callable[[Parcel], object]
    ) -> None:
        self._loop = loop
        self._weather = weather
        self._chance = chance
        self._deliver = deliver
        self.unsent = bytearray()
        self._under_way: deque[Parcel] = deque()
        self._load = 0  # bytes under way, or unread at the other end
        self._sent = 0
        self._last_arrival = 0.0

    def push(self) -> None:
        """Send what there is room for."""
        while self.unsent and self._load < self._weather.window:
            most = min(len(self.unsent), self._weather.window - self._load)
            piece = bytes(self.unsent[: self._cut(most)])
            del self.unsent[: len(piece)]
            self._load += len(piece)
            self._sent += len(piece)
            self.mark(piece)

    def mark(self, parcel: Parcel) -> None:
        """Send this behind all that is under way."""
        self._last_arrival = max(self.delay(), self._last_arrival + _APART_S)
        self._under_way.append(parcel)
        self._loop.call_at(self._last_arrival, self._arrive)

    def read(self, size: int) -> None:
        """So much has been read at the other end: there is room again."""
        self._load -= size

    def lose(self) -> None:
        """What is under way never comes, by chance."""
        if self._chance.random() < 0.5:
            self._under_way.clear()

    def hurry(self) -> None:
        """All that is under way arrives now."""
        while self._under_way:
            self._arrive()

    def delay(self) -> float:
        """When something that is sent now arrives, if nothing is before it."""
        weather = self._weather
        at = self._loop.time() + self._chance.uniform(weather.least, weather.most)
        if weather.grid:  # many things at one time, in an order of chance
            at = (at // weather.grid + 1) * weather.grid + self._chance.random() * _SAME_TURN_S
        return at

    def _arrive(self) -> None:
        if self._under_way:  # it may have come earlier than was thought, or be lost
            self._deliver(self._under_way.popleft())

    def _cut(self, most: int) -> int:
        tiny = self._weather.tiny
        if tiny and self._sent < _TINY_FOR:
            return self._chance.randint(1, min(tiny, most))
        return most if self._chance.random() < 0.6 else self._chance.randint(1, most)
