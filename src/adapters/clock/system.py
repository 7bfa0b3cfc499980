"""The clocks of this machine and of the running event loop."""

import asyncio
import time
from collections.abc import Callable

from ports.clock import Alarm


class SystemClock:
    """Implements ports.clock. `now` is the event loop's own clock: asyncio reads the same one."""

    now = staticmethod(time.monotonic)  # noqa: TID251 - this is the clock
    wall = staticmethod(time.time)  # noqa: TID251 - this is the clock

    async def sleep(self, seconds: float) -> None:
        """See ports.clock."""
        await asyncio.sleep(seconds)

    def alarm(self, at: float, call: Callable[[], object]) -> Alarm:
        """See ports.clock."""
        return asyncio.get_running_loop().call_later(max(0.0, at - self.now()), call)
