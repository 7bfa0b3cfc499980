"""Several processes that share one port: started, replaced when one dies, told to stop together."""

import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

_LOG = logging.getLogger("llm_proxy")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
_TOO_SOON_S = 5.0  # a worker that gives up this soon after its start would give up again
_FAILED = 1
_TOLD_TO = (0, -signal.SIGTERM)  # the latter before it was ready to stop by itself


class Workers:
    """Runs `work(*given)` in so many processes until told to stop."""

    def __init__(self, count: int, work: Callable[..., None], given: tuple[Any, ...]) -> None:
        self._count = count
        self._work = work
        self._given = given
        self._running: dict[int, tuple[BaseProcess, float]] = {}
        self._stopping = False
        self._exit_code = 0

    def run(self) -> int:
        """The exit code: 0 when all stopped because they were told to, else 1."""
        # A signal has to wake the wait below, and a handler alone does not: it gets a byte to read.
        woken, waker = socket.socketpair()
        for end in (woken, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        for stop in STOP_SIGNALS:
            signal.signal(stop, self._told_to_stop)
        for _ in range(self._count):
            self._start()
        while self._running:
            ready = wait([*self._running, woken])
            if woken in ready:
                woken.recv(64)
            for sentinel in [each for each in ready if isinstance(each, int)]:
                self._ended(sentinel)
        return self._exit_code

    def _start(self) -> None:
        process = multiprocessing.get_context("spawn").Process(target=self._work, args=self._given)
        process.start()
        self._running[process.sentinel] = (process, time.perf_counter())

    def _ended(self, sentinel: int) -> None:
        process, started = self._running.pop(sentinel)
        process.join()
        if self._stopping:
            if process.exitcode not in _TOLD_TO:
                self._exit_code = _FAILED
            return
        _LOG.error("worker %s ended unasked with exit code %s", process.pid, process.exitcode)
        gave_up = (process.exitcode or 0) > 0  # by itself, not killed by somebody
        if gave_up and time.perf_counter() - started < _TOO_SOON_S:
            self._exit_code = _FAILED
            self._stop()
        else:
            self._start()

    def _told_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        for process, _ in list(self._running.values()):
            process.terminate()
