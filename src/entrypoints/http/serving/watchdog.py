"""Notices when the event loop stands still, and says in the log where.

The loop keeps a timer by which it shows that it turns; a thread looks at it. The thread counts only time in which it
could itself look: when it was late too, the whole process did not run (stopped, a laptop asleep, no CPU to be had),
which is nobody's code; unless the process used that time to compute, which is code that lets no other thread run.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

_LOG = logging.getLogger("llm_proxy")
STALL_S = 0.5
BEAT_S = 0.1
LOOK_S = 0.1
_STOP_S = 1.0
_MOST_FRAMES = 30


class Watchdog:
    """Watches the loop in which it is started.

    `stalls` counts how often it stood still for more than half a second, `longest` is the longest time it did, in
    seconds. `now` is a clock in seconds; `used` tells the CPU time of the process, in seconds.
    """

    def __init__(self, now: Callable[[], float], used: Callable[[], float] = time.process_time) -> None:
        self.stalls = 0
        self.longest = 0.0
        self._now = now
        self._used = used
        self._beats = 0
        self._beat_at = 0.0
        self._gap = 0.0  # the longest time between two beats since the last look
        self._seen = 0  # beats
        self._looked_at = 0.0
        self._used_then = 0.0
        self._still = 0.0  # seconds without a beat, as far as they count
        self._told = False
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch the running loop, from within it, until stopped."""
        self._loop_thread = threading.get_ident()
        self.begin()
        self._beat(asyncio.get_running_loop())
        self._thread.start()

    def stop(self) -> None:
        """No more looking. From within the loop."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        self._thread.join(_STOP_S)

    def begin(self) -> None:
        """Time counts from now on."""
        self._beat_at = self._looked_at = self._now()
        self._used_then = self._used()

    def beat(self) -> None:
        """Note that the loop turns."""
        now = self._now()
        self._gap = max(self._gap, now - self._beat_at)
        self._beat_at = now
        self._beats += 1

    def look(self) -> None:
        """See whether it has turned since the last look; told at the beginning and at the end of a standstill."""
        now, used = self._now(), self._used()
        passed, computed = now - self._looked_at, used - self._used_then
        self._looked_at, self._used_then = now, used
        if passed > 2 * LOOK_S and computed < passed / 2:
            passed = LOOK_S
        self._still += passed
        if self._beats != self._seen:
            self._seen = self._beats
            self._turned(min(now - self._beat_at, passed))
            return
        stood = self._still - BEAT_S  # for certain: the beat might only have become due
        if stood > STALL_S and not self._told:
            self._told = True
            self.stalls += 1
            _LOG.warning("the event loop stands still, for %.2f s so far, in %s", stood, self._place())

    def _turned(self, since: float) -> None:
        """It has turned, and has shown that so many seconds ago."""
        stood = min(self._still - since, self._gap) - BEAT_S
        if stood > STALL_S and not self._told:  # what let no other thread run is over when others hear of it
            self._told = True
            self.stalls += 1
        if self._told:
            self.longest = max(self.longest, stood)
            _LOG.warning("the event loop turns again, after %.2f s", stood)
        self._told = False
        self._still = since
        self._gap = 0.0

    def _place(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the only way to another thread's stack
        return " < ".join(_frames(frame)) or "an unknown place"

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self.beat()
        self._timer = loop.call_later(BEAT_S, self._beat, loop)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_S):
            self.look()


def _frames(frame: FrameType | None) -> Iterator[str]:
    """Where each function of a stack is, the innermost first: names and lines, no values and no source text."""
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return
        module = frame.f_globals.get("__name__", "?")
        yield f"{module}:{frame.f_lineno} {frame.f_code.co_qualname}"
        frame = frame.f_back
