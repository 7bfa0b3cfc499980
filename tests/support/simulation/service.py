"""The whole service over the simulated network: all of its own code, uvicorn's protocol, and no server process."""

import logging
import signal
from collections.abc import Callable, Iterator, MutableSet
from typing import Any, cast

import msgspec
from dependency_injector import providers
from typing_extensions import override

from adapters.observer.fan_out import FanOut
from adapters.observer.logs import RequestLine, line
from domain.model.call import Settlement
from entrypoints.container import Container, build_container
from entrypoints.http.app import create_app
from entrypoints.http.serving.config import GatewayConfig
from entrypoints.http.serving.protocol import GatewayHttpProtocol
from entrypoints.http.serving.server import DrainingServer
from entrypoints.settings import Secret, Settings
from support.simulation.loop import LoopClock
from support.simulation.network import Network
from support.simulation.scene import KEY, Scene
from support.simulation.trace import Trace

Prepare = Callable[[Container], object]
_WARNS = ("partial", "failed")


class ProviderThen(msgspec.Struct, frozen=True):
    """The provider at the time of a settlement: has it been left, and how long had it not been listened to?"""

    left: bool
    unheard_for: float


LookAtProvider = Callable[[str], ProviderThen]


class Settled(msgspec.Struct, frozen=True):
    """A settlement, its line in the log, and when it was told, by the loop's time."""

    settlement: Settlement
    line: RequestLine
    at: float
    provider: ProviderThen


class Witness:
    """Stands before the application and notes who comes in: that is what got past the parser."""

    def __init__(self, app: Any, note: Callable[[str], None]) -> None:
        self._app = app
        self._note = note
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        tag = dict(scope["headers"]).get(b"x-request-id", b"?").decode("latin-1")
        self.seen.append(tag)
        self._note(tag)
        await self._app(scope, receive, send)


class Ledger:
    """Implements ports.observer: keeps what was settled."""

    def __init__(self, network: Network, trace: Trace, look: LookAtProvider) -> None:
        self._network = network
        self._trace = trace
        self._look = look
        self.settled_calls: list[Settled] = []
        self.closed = 0

    def settled(self, settlement: Settlement) -> None:
        """See ports.observer."""
        told = line(settlement, "warning" if settlement.outcome in _WARNS else "info")
        self._trace.note(settlement.call.id, "is settled " + msgspec.json.encode(told).decode())
        provider = self._look(settlement.call.id)
        self.settled_calls.append(Settled(settlement, told, self._network.loop.time(), provider))

    def close(self) -> None:
        """See ports.observer."""
        self.closed += 1


class InOrder(MutableSet[Any]):
    """A set that is walked through in the order of adding: a set of objects would differ from run to run."""

    def __init__(self) -> None:
        self._items: dict[Any, None] = {}

    @override
    def __contains__(self, item: object) -> bool:
        return item in self._items

    @override
    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    @override
    def __len__(self) -> int:
        return len(self._items)

    @override
    def add(self, value: Any) -> None:
        self._items[value] = None

    @override
    def discard(self, value: Any) -> None:
        self._items.pop(value, None)


class Listener:
    """As much of asyncio's server as a server that stops wants to have."""

    def __init__(self) -> None:
        self._serves = True

    def is_serving(self) -> bool:
        """Whether it still takes connections."""
        return self._serves

    def close(self) -> None:
        """Take no more."""
        self._serves = False


class NoLifespan:
    """The application's start and end are the world's business here."""

    async def shutdown(self) -> None:
        """Nothing to do."""


class LogWatch(logging.Handler):
    """Keeps what was logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Service:
    """One process of it, without the process. `prepare` may replace parts before anything is made of them."""

    def __init__(self, network: Network, trace: Trace, scene: Scene, look: LookAtProvider, prepare: Prepare) -> None:
        settings = Settings(
            litellm_proxy_url="http://provider:4000",
            internal_api_key=Secret(KEY),
            litellm_api_key=Secret("provider-key"),
            **scene.settings,
        )
        self.container = build_container(settings)
        self.ledger = Ledger(network, trace, look)
        self.observers = FanOut([self.ledger])
        self.container.clock.override(providers.Object(LoopClock(network.loop)))
        self.container.observer.override(providers.Object(self.observers))
        prepare(self.container)
        config = GatewayConfig(create_app(self.container), settings)
        config.load()
        self.witness = Witness(config.loaded_app, lambda tag: trace.note(tag, "comes in"))
        config.loaded_app = self.witness
        self._config = config
        self._server = DrainingServer(config, self.container.admission())
        self._server.servers = [cast(Any, Listener())]
        self._server.lifespan = cast(Any, NoLifespan())
        self.state = self._server.server_state
        self.state.connections = cast(Any, InOrder())
        cast(Any, self.container.admission())._inside = InOrder()
        self._loop = network.loop

    def connection(self) -> GatewayHttpProtocol:
        """The protocol of a new caller's connection."""
        return GatewayHttpProtocol(config=self._config, server_state=self.state, app_state={}, _loop=self._loop)

    @property
    def listens(self) -> bool:
        """Whether a caller can still connect."""
        return not self._server.servers or self._server.servers[0].is_serving()

    def stop(self) -> None:
        """What SIGTERM does: the server's own way to stop, which needs no sockets."""
        self._server.handle_exit(signal.SIGTERM, None)
        self._loop.create_task(self._server.shutdown())
