"""Blocks of a task that something from outside can end: a deadline, a caller who leaves, a reader who stopped.

    with deadline(clock, at, late): ...        ends with the error that `late` makes when `at` is reached

Cancelling from outside goes through such a block untouched. Cheaper than asyncio.timeout.
"""

from asyncio import CancelledError, Task, current_task
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

from domain.model.errors import GatewayError
from ports.clock import Clock

Stop = Callable[[], object]
Watch = Callable[[Callable[[], None]], Stop]
"""Begins to watch, calls what it is given when it has seen enough, and returns how to stop watching."""


class Interruption:
    """A context manager, used once. The block ends with the error that `reason` makes when `watch` interrupts.

    Interrupting is for the event loop, while the task waits; behind the block it does nothing.
    """

    def __init__(self, watch: Watch, reason: Callable[[], GatewayError]) -> None:
        self._watch = watch
        self._reason = reason
        self._happened = False
        self._over = False

    def __enter__(self) -> Self:
        self._task = cast(Task[object], current_task())  # there is one: this is called in a coroutine
        self._cancelled_before = self._task.cancelling()
        self._stop = self._watch(self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._stop()
        del self._stop, self._watch  # who watches knows us, too: no circle shall stay
        if not self._happened:
            return
        # Somebody else may have cancelled the task, too: then it is theirs to end.
        nobody_else = self._task.uncancel() <= self._cancelled_before
        if nobody_else and isinstance(error, CancelledError):
            raise self._reason() from error

    def call_off(self) -> None:
        """What was watched for does not matter any more; the block goes on without."""
        self._over = True
        self._stop()

    def _interrupt(self) -> None:
        if not (self._happened or self._over):
            self._happened = True
            self._task.cancel()


def deadline(clock: Clock, at: float, late: Callable[[], GatewayError]) -> Interruption:
    """A block that ends when the clock's `now` reaches `at`, with the error that `late` makes."""
    return Interruption(lambda interrupt: clock.alarm(at, interrupt).cancel, late)
