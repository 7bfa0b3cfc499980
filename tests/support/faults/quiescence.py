"""Nothing may stay behind: counted before and after, in this process (invariant I6)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from adapters.upstream_http.httptools_client.client import HttptoolsUpstream
from support.running_service import RunningService

WITHIN_S = 1.0
_DESCRIPTORS = Path("/proc/self/fd")


class Counts(Struct, frozen=True):
    """What this process holds."""

    tasks: int
    descriptors: int


def counts(kept: int = 0) -> Counts:
    """Now, without so many connections that are kept for the next request: two sockets, and the provider's task."""
    return Counts(len(asyncio.all_tasks()) - kept, len(list(_DESCRIPTORS.iterdir())) - 2 * kept)


async def soon(true: Callable[[], bool], say: Callable[[], object], within: float = WITHIN_S) -> None:
    """Turn the loop until it is so. Raises AssertionError, with what `say` gives, after so many seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while not true():
        assert loop.time() < until, say()
        await asyncio.sleep(0)


def kept_connections(service: RunningService) -> int:
    """Idle connections in the service's pool; fails where one is neither idle nor in use by a request."""
    upstream = service.container.upstream_http()
    if not isinstance(upstream, HttptoolsUpstream):
        return 0
    pool = upstream._pool
    return sum(len(idle) for idle in pool._idle.values())


def connections_in_use(service: RunningService) -> int:
    """Connections to providers that are open and not idle; one that was broken off is not open."""
    upstream = service.container.upstream_http()
    assert isinstance(upstream, HttptoolsUpstream)
    return sum(each.usable for each in upstream._pool._all) - kept_connections(service)


def open_connections(service: RunningService) -> int:
    """All connections in the service's pool."""
    upstream = service.container.upstream_http()
    return len(upstream._pool._all) if isinstance(upstream, HttptoolsUpstream) else 0


async def quiet(service: RunningService, before: Counts) -> None:
    """Come back when the service is as it was before the first request; raise AssertionError if that takes long."""

    def state() -> dict[str, object]:
        kept = kept_connections(service)
        return {
            "in flight": service.container.admission().in_flight,
            "told at the end": len(service.container.admission()._inside),
            "callers": service.open_connections(),
            "exchanges": service.open_exchanges(),
            "connections in use": open_connections(service) - kept,
            "more than before": (counts(kept).tasks - before.tasks, counts(kept).descriptors - before.descriptors),
        }

    await soon(lambda: set(state().values()) <= {0, (0, 0)}, state)
