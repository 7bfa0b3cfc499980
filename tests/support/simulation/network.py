"""The only network there is: callers' connections to the service, and the service's to the provider."""

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from support.simulation.line import Weather
from support.simulation.loop import VirtualLoop, chance
from support.simulation.trace import Trace
from support.simulation.transport import SimTransport


class Dialling(Struct, frozen=True, kw_only=True):
    """How often a connection to the provider is refused, never made, or made late; shares of one.

    `nameless` is how often its name is not found, or late.
    """

    refused: float = 0.0
    never: float = 0.0
    late: float = 0.0
    late_by: float = 1.0
    nameless: float = 0.0


class Network:
    """Makes pairs of transports. `failed_dials` are the times at which the provider could not be reached."""

    def __init__(self, seed: int, trace: Trace, weather: Weather, dialling: Dialling) -> None:
        self.loop = VirtualLoop(self._dial, self._look_up)
        trace.age = lambda: self.loop.age
        self._seed = seed
        self._trace = trace
        self._dialling = dialling
        self.weather = weather
        self.answer: Callable[[SimTransport], asyncio.BaseProtocol] | None = None
        self.upstream: list[SimTransport] = []
        self.inbound: dict[int, SimTransport] = {}
        self.failed_dials: list[float] = []
        self._look_ups = 0

    def call_in(
        self, number: int, caller: asyncio.BaseProtocol, server: Callable[[], asyncio.BaseProtocol]
    ) -> SimTransport:
        """A caller's new connection to the service. Gives the service's end."""
        near, far = self._pair("caller", "server", number)
        self.inbound[number] = far
        far.open(server())
        near.open(caller)
        return far

    async def _dial(self, protocol_factory: Callable[[], asyncio.BaseProtocol], _host: str, _port: int) -> Any:
        number = len(self.upstream)
        near, far = self._pair("client", "provider", number)
        self.upstream.append(near)
        await self._until_connected(number)
        if self.answer is None:
            raise ConnectionRefusedError("nobody listens")
        far.open(self.answer(near))
        # As asyncio does it: the protocol hears of it first, whoever waits a turn later.
        protocol, made = protocol_factory(), self.loop.create_future()
        self.loop.call_soon(near.open, protocol)
        self.loop.call_soon(_wake, made)
        try:
            await made
        except asyncio.CancelledError:
            near.close()
            raise
        return near, protocol

    async def _look_up(self, _host: str, port: int) -> Any:
        self._look_ups += 1
        dice, dialling = chance(self._seed, "look up", self._look_ups), self._dialling
        fate = dice.random()
        if fate < dialling.nameless:
            self.failed_dials.append(self.loop.time())
            await asyncio.sleep(dice.uniform(0, 2 * dialling.late_by))
        if fate < dialling.nameless / 2:
            raise OSError("no such name")
        await asyncio.sleep(self.weather.least)
        return [(2, 1, 6, "", (f"10.9.9.{last}", port)) for last in range(1, dice.randint(2, 3))]

    async def _until_connected(self, number: int) -> None:
        dice, dialling = chance(self._seed, "dial", number), self._dialling
        fate = dice.random()
        delay = dice.uniform(self.weather.least, self.weather.most)
        if fate < dialling.refused:
            await asyncio.sleep(delay)
            self._note_failed(number, "is refused")
            raise ConnectionRefusedError("refused")
        if fate < dialling.refused + dialling.never:
            self._note_failed(number, "is never made")
            await self.loop.create_future()
        if fate < dialling.refused + dialling.never + dialling.late:
            self._note_failed(number, "is late")
            delay += dice.uniform(0, dialling.late_by)
        await asyncio.sleep(delay)

    def _note_failed(self, number: int, what: str) -> None:
        self._trace.note(f"client{number}", what)
        self.failed_dials.append(self.loop.time())

    def _pair(self, near: str, far: str, number: int) -> tuple[SimTransport, SimTransport]:
        key = f"{self._seed}/{near}/{number}"
        ends = [SimTransport(self.loop, self._trace, self.weather, f"{name}{number}", key) for name in (near, far)]
        ends[0].peer, ends[1].peer = ends[1], ends[0]
        return ends[0], ends[1]


def _wake(made: asyncio.Future[None]) -> None:
    if not made.done():
        made.set_result(None)
