"""Work for a caller ends when the caller leaves: no server does that by itself for an answer that has not begun."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar.types import Receive

from entrypoints.http.errors import CallerLeft


@asynccontextmanager
async def while_caller_stays(receive: Receive) -> AsyncIterator[None]:
    """A block that is cancelled when the caller's connection closes, and ends with CallerLeft then.

    The request's body must have been read: what `receive` brings next can only be the end of the connection. The
    last message of the answer must be sent behind the block, since servers report the end after it, too.
    """
    working = asyncio.current_task()
    left = False

    async def watch() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        left = True
        if working is not None:
            working.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        yield
    except asyncio.CancelledError as error:
        if not left:
            raise
        if working is not None:
            working.uncancel()
        raise CallerLeft("The caller left before the answer was complete.") from error
    finally:
        watching.cancel()
