"""The event loop's own time, which a test moves on instead of waiting."""

import asyncio

import pytest


class LoopTime:
    """The running loop's clock and what it is ahead by. Timers that have become due fire at the next turn."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real = loop.time
        self.ahead = 0.0
        patch.setattr(loop, "time", lambda: real() + self.ahead)

    async def pass_by(self, seconds: float) -> None:
        """Let everybody begin to wait, move on, and let them notice."""
        for moved in (0.0, seconds):
            self.ahead += moved
            for _ in range(30):
                await asyncio.sleep(0)
