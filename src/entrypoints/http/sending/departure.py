"""Work for a caller ends when the caller leaves: no server does that by itself for an answer that has not begun."""

import asyncio
from collections.abc import Callable

from litestar.types import Receive

from domain.use_cases.interruption import Interruption, Stop
from entrypoints.http.errors import CallerLeft
from entrypoints.http.scope import Visit


def while_caller_stays(visit: Visit, receive: Receive) -> Interruption:
    """A block that ends with CallerLeft when the caller's connection closes.

    The request's body must have been read. The last message of the answer must be sent behind the block, since
    servers report the end after it, too.
    """
    connection = visit.connection
    if connection is not None:
        return Interruption(connection.when_lost, _left)

    # Other servers say it by the one message that can still come, which takes a task to wait for.
    def watch(interrupt: Callable[[], None]) -> Stop:
        return asyncio.ensure_future(_watch(receive, interrupt)).cancel

    return Interruption(watch, _left)


async def _watch(receive: Receive, interrupt: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    interrupt()


def _left() -> CallerLeft:
    return CallerLeft("The caller left before the answer was complete.")
