"""The clocks of this machine and of the running event loop."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager


class SystemClock:
    """Implements ports.clock. `now` is the event loop's own clock: asyncio reads the same one."""

    def now(self) -> float:
        """See ports.clock."""
        return time.monotonic()  # noqa: TID251 - this is the clock

    def wall(self) -> float:
        """See ports.clock."""
        return time.time()  # noqa: TID251 - this is the clock

    async def sleep(self, seconds: float) -> None:
        """See ports.clock."""
        await asyncio.sleep(seconds)

    def deadline(self, at: float) -> AbstractAsyncContextManager[object]:
        """See ports.clock."""
        return asyncio.timeout(max(0.0, at - self.now()))
