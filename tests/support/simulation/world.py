"""One seed, run: the scene is set, everybody plays, and what there is to see at the end is kept."""

import asyncio
import gc
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from entrypoints.container import Container, close_container
from support.simulation.caller import Caller
from support.simulation.loop import Endless
from support.simulation.network import Network
from support.simulation.provider import Provider
from support.simulation.scene import Scene
from support.simulation.service import LogWatch, Prepare, ProviderThen, Service
from support.simulation.trace import Trace

HORIZON_S = 600.0
"""So long after the last caller came everybody has gone: the longest request, silence, and kept connections."""


def as_it_is(_container: Container) -> None:
    """Replaces nothing."""


class Played(Struct, kw_only=True):
    """What is left when a scene is over. `left_over` is what still runs, or waits, and should not."""

    scene: Scene
    trace: Trace
    network: Network
    provider: Provider
    service: Service
    callers: list[Caller]
    logged: list[logging.LogRecord]
    left_over: list[str]

    def outcomes(self) -> Counter[str]:
        """How many requests ended how."""
        return Counter(told.settlement.outcome for told in self.service.ledger.settled_calls)


def play(scene: Scene, prepare: Prepare = as_it_is) -> Played:
    """Run a scene to its end."""
    trace = Trace()
    network = Network(scene.seed, trace, scene.weather, scene.dialling)
    with _alone(scene.seed), _watched() as watch:
        provider = Provider(network.loop, trace, scene)
        network.answer = provider.connection
        service = Service(network, trace, scene, lambda tag: _provider_then(provider, tag), prepare)
        callers = [Caller(network.loop, trace, plan) for plan in scene.callers]
        for number, caller in enumerate(callers):
            network.loop.call_later(caller.plan.comes_at, _come, network, service, caller, number)
        if scene.drain_at is not None:
            network.loop.call_later(scene.drain_at, service.stop)
        last = max(plan.comes_at for plan in scene.callers)
        try:
            left_over = _left_over(network, service, idle=network.loop.run_until_idle(last + HORIZON_S))
        except Endless as error:
            left_over = [str(error)]
        _close(network, service)
    return Played(
        scene=scene,
        trace=trace,
        network=network,
        provider=provider,
        service=service,
        callers=callers,
        logged=watch.records,
        left_over=left_over,
    )


def _come(network: Network, service: Service, caller: Caller, number: int) -> None:
    if service.listens:
        network.call_in(number, caller, service.connection)


def _provider_then(provider: Provider, tag: str) -> ProviderThen:
    made = provider.exchanges.get(tag, [])
    return ProviderThen(
        left=all(exchange.finished or exchange.client.is_closing() for exchange in made),
        unheard_for=max([exchange.client.unread_for for exchange in made], default=0.0),
    )


def _left_over(network: Network, service: Service, *, idle: bool) -> list[str]:
    loop, pool = network.loop, service.container.upstream_http()
    found = (
        [f"in flight: {service.container.admission().in_flight}"] if service.container.admission().in_flight else []
    )
    found += [f"task {task.get_coro()!r}" for task in loop.made if not task.done()]
    found += [f"server connection {_name(connection)}" for connection in service.state.connections]
    found += [f"{end.name} is open" for end in network.upstream if not end.is_closing() and end.is_open]
    if not idle:
        found += [f"timer {timer!r}" for timer in loop.waiting()]
    pooled = getattr(pool, "_pool", None)
    if pooled is not None and (pooled._all or any(pooled._idle.values())):
        found.append(f"the pool holds {len(pooled._all)} connections")
    return found


def _name(connection: Any) -> str:
    return str(getattr(connection.transport, "name", connection))


def _close(network: Network, service: Service) -> None:
    """End what is left, so that nothing of this run is there in the next."""
    loop = network.loop

    async def end() -> None:
        await close_container(service.container)
        for task in loop.made:
            if task is not asyncio.current_task() and not task.done():
                task.cancel()

    closing = loop.create_task(end())
    for _ in range(100):
        if all(task.done() for task in loop.made):
            break
        loop.run_until_idle(0)
    closing.result()
    loop.close()


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """The module-wide source of chance, which ids come from, is the seed's for a while."""
    kept = random.getstate()
    random.seed(seed)
    collecting = gc.isenabled()
    gc.disable()  # when it comes by depends on what ran before, and what it finds may talk
    try:
        yield
    finally:
        random.setstate(kept)
        if collecting:
            gc.enable()


@contextmanager
def _watched() -> Iterator[LogWatch]:
    watch = LogWatch()
    root = logging.getLogger()
    others, level = root.handlers[:], root.level
    root.handlers = [watch]
    root.setLevel(logging.WARNING)
    try:
        yield watch
    finally:
        root.handlers = others
        root.setLevel(level)
