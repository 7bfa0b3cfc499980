"""The time a call may take in all, over everything that is done for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.model.call import Call
from domain.model.errors import DeadlineExceeded
from ports.clock import Clock


@asynccontextmanager
async def within_deadline(clock: Clock, call: Call) -> AsyncIterator[None]:
    """A block that ends with DeadlineExceeded when the call's time is over."""
    try:
        async with clock.deadline(call.deadline):
            yield
    except TimeoutError as error:
        raise DeadlineExceeded("The time for this request is over.") from error
