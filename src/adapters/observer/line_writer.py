"""Lines to a file descriptor that may be full, slow or broken: whoever writes never waits and is never hurt.

A line is written at once where that needs no waiting. Else it is queued, and a thread that lives only while
something is queued does the waiting. What finds no room, or cannot be written, is dropped and counted, and a line
tells how many are missing as soon as one can be written again.
"""

import errno
import os
import select
import stat
import sys
from collections import deque
from threading import RLock, Thread

from msgspec import Struct

MOST_LINES = 10_000
MOST_BYTES = 4 * 1024 * 1024
_STANDARD_OUTPUT = 1
_LOOK_AGAIN_MS = 100
_CLOSE_S = 1.0
# Linux from 6.4 on can be told, write by write, not to wait on a pipe or a socket. A pipe has other writers (workers,
# standard error): between a look and a write one of them may take the room that was seen.
_NO_WAIT: int | None = getattr(os, "RWF_NOWAIT", None)
_NOT_KNOWN = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE})


class _Line(Struct):
    """Bytes to be written. `tells` is the number of lost lines that they tell of, when that is what they are for."""

    data: bytes
    tells: int = 0


class LineWriter:
    """Whole lines to `descriptor`, in the order in which they came, from any thread.

    `lost` counts the lines that will never arrive. A file is never full in this sense: a disk that takes its time is
    waited for, and one that has no room left loses the line.
    """

    def __init__(self, descriptor: int) -> None:
        self.lost = 0
        self._descriptor = descriptor
        kind = _kind(descriptor)
        self._no_wait = _NO_WAIT if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) else None
        # A pipe that can be written to takes this much without waiting (POSIX).
        self._piece = None if stat.S_ISREG(kind) else select.PIPE_BUF
        self._room = _poll(descriptor)
        # Reentrant, because a handler of a signal may log while a line is being written.
        self._lock = RLock()
        self._queue: deque[_Line] = deque()
        self._queued = 0  # bytes
        self._done = 0  # bytes of the first in the queue that are out
        self._torn = False  # the last line that is out was given up before its end
        self._untold = 0  # lost lines that no line has told of
        self._broken = False  # the last write failed
        self._thread: Thread | None = None
        self._closed = False
        self._let_go = False

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at the lines."""
        return os.isatty(self._descriptor)

    def write(self, line: bytes) -> None:
        """Write a line, which ends with a line end."""
        with self._lock:
            if self._queue:
                self._queue_up(line)
                return
            if not self._untold and not self._torn:
                try:
                    written = self._try(line)
                except OSError:
                    self._lose()
                    return
                if written == len(line):
                    return
                self._done = written
            self._append_loss()
            self._append(_Line(line))
            self._send()

    def close(self) -> None:
        """Wait about a second for what is queued, then let go of it. From now on nothing is queued."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_S)
            self._let_go = True
            thread.join(2 * _LOOK_AGAIN_MS / 1000)

    # With the lock held.

    def _queue_up(self, line: bytes) -> None:
        if self._closed or len(self._queue) >= MOST_LINES or self._queued + len(line) > MOST_BYTES:
            self._lose()
            return
        self._append(_Line(line))
        self._start()

    def _append(self, line: _Line) -> None:
        self._queue.append(line)
        self._queued += len(line.data)

    def _append_loss(self) -> None:
        if self._untold:
            self._append(_Line(_lost_line(self._untold), self._untold))

    def _send(self) -> None:
        """Write what needs no waiting; leave the rest to the thread."""
        while self._queue:
            try:
                written = self._try(self._rest())
            except OSError:
                self._failed()
                continue
            if written:
                self._went(written)
            elif self._closed:
                self._drop()
            else:
                self._start()
                return

    def _try(self, data: bytes | memoryview) -> int:
        """Bytes written without waiting: none when there is no room. Raises OSError."""
        if self._no_wait is not None:
            try:
                return os.pwritev(self._descriptor, (data,), -1, self._no_wait)
            except BlockingIOError:
                return 0
            except OSError as error:
                if error.errno not in _NOT_KNOWN:
                    raise
                self._no_wait = None
        return self._write(data) if self._room.poll(0) else 0

    def _rest(self) -> memoryview:
        """What is to be written of the first in the queue."""
        first = self._queue[0]
        if self._torn and not self._done and not first.data.startswith(b"\n"):
            first.data = b"\n" + first.data
            self._queued += 1
        return memoryview(first.data)[self._done :]

    def _went(self, written: int) -> None:
        """Note that so many bytes more of the first in the queue are out."""
        self._broken = False
        self._done += written
        first = self._queue[0]
        if self._done == len(first.data):
            self._torn = False
            self._untold -= first.tells
            self._leave()

    def _failed(self) -> None:
        self._broken = True
        self._drop()

    def _drop(self) -> None:
        """Give the first in the queue up; of what is out of it, the next line is held apart."""
        first = self._queue[0]
        if self._done:
            self._torn = not first.data[: self._done].endswith(b"\n")
        if not first.tells:
            self._lose()
        self._leave()

    def _lose(self) -> None:
        self.lost += 1
        self._untold += 1

    def _leave(self) -> None:
        self._queued -= len(self._queue.popleft().data)
        self._done = 0

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = Thread(target=self._drain, name="log lines", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads can be had: the next line tries again
            return
        self._thread = thread

    # The thread.

    def _drain(self) -> None:
        """Wait for room and write a piece, until nothing is left."""
        room = _poll(self._descriptor)
        while (piece := self._next_piece()) is not None:
            if not room.poll(_LOOK_AGAIN_MS):
                continue
            try:
                written = self._write(piece)
            except OSError:
                with self._lock:
                    self._failed()
            else:
                with self._lock:
                    self._went(written)

    def _next_piece(self) -> memoryview | None:
        with self._lock:
            while self._let_go and self._queue:
                self._drop()
            if not self._queue and not self._let_go and not self._broken:
                self._append_loss()
            if self._queue:
                return self._rest()
            self._thread = None
            return None

    def _write(self, data: bytes | memoryview) -> int:
        try:
            return os.write(self._descriptor, data[: self._piece])
        except BlockingIOError:  # a descriptor that never waits, and somebody else took the room
            return 0


def standard_output() -> LineWriter:
    """A writer to standard output; to nowhere when the process was started without one, whose number may be taken."""
    return LineWriter(_STANDARD_OUTPUT if sys.__stdout__ is not None else os.open(os.devnull, os.O_WRONLY))


def _poll(descriptor: int) -> "select.poll":
    found = select.poll()
    found.register(descriptor, select.POLLOUT)
    return found


def _kind(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_mode
    except OSError:
        return 0


def _lost_line(count: int) -> bytes:
    return b'{"event":"log_lines_lost","count":%d,"level":"warning"}\n' % count
