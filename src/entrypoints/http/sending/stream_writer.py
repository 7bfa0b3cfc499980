"""The writing end of a streamed answer: what was sent when, comments in silence, and an eye on the reader."""

import asyncio
from collections.abc import Callable

from litestar.types import Send
from msgspec import Struct

from domain.model.call import Call
from domain.use_cases.interruption import Interruption, Stop
from domain.use_cases.stream_chat import Answer
from entrypoints.http.errors import CallerLeft
from entrypoints.http.sending.headers import answer_headers
from ports.clock import Clock

_KEEP_ALIVE = b": keep-alive\n\n"
_LOOK_S = 0.001  # never sooner again than this
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class StreamTimes(Struct, frozen=True):
    """Seconds: `keep_alive` of silence before a comment is sent, `write_stall` before a reader counts as gone."""

    keep_alive: float
    write_stall: float


class StreamWriter:
    """Sends parts of the response, the first with its headers, and remembers when."""

    def __init__(self, send: Send, clock: Clock, call: Call) -> None:
        self._send = send
        self._clock = clock
        self._call = call
        self._writing_since: float | None = None
        self._last = clock.now()
        self.started = False
        self.answer: Answer | None = None

    async def write(self, part: bytes, *, more: bool = True) -> None:
        """Send one part; before the first, the status and headers."""
        self._writing_since = self._clock.now()
        if not self.started:
            self.started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers()})
        await self._send({"type": "http.response.body", "body": part, "more_body": more})
        self._writing_since = None
        self._last = self._clock.now()

    async def end(self, part: bytes) -> None:
        """Send the last part."""
        await self.write(part, more=False)

    def silent(self, seconds: float) -> bool:
        """Whether nothing was sent for so long."""
        return self._writing_since is None and self._clock.now() - self._last >= seconds

    def stalled(self, seconds: float) -> bool:
        """Whether a write has been waiting for the reader for so long."""
        return self._writing_since is not None and self._clock.now() - self._writing_since >= seconds

    def due(self, times: StreamTimes) -> float:
        """When something could be due, on the clock's `now`; looked at again then."""
        if self._writing_since is not None:
            return self._writing_since + times.write_stall
        return self._last + min(times.keep_alive, times.write_stall)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        if self.answer is None:  # a keep-alive before any provider has accepted: there is no origin to tell yet
            return [*_HEADERS, (b"x-request-id", self._call.id.encode())]
        return [*_HEADERS, *answer_headers(self._call, self.answer.provenance, self._clock.now())]


def while_reader_reads(writer: StreamWriter, clock: Clock, times: StreamTimes) -> Interruption:
    """A block in which silence is filled with comments, and which ends with CallerLeft when a write stalls."""
    return Interruption(_Eye(writer, clock, times).watch, _stopped)


class _Eye:
    """One alarm a stream: it looks at what the writer noted, nothing is set or cleared for a chunk."""

    def __init__(self, writer: StreamWriter, clock: Clock, times: StreamTimes) -> None:
        self._writer = writer
        self._clock = clock
        self._times = times
        self._comment: asyncio.Future[None] | None = None

    def watch(self, interrupt: Callable[[], None]) -> Stop:
        """See domain.use_cases.interruption."""
        self._interrupt = interrupt
        self._alarm = self._clock.alarm(self._writer.due(self._times), self._look)
        return self._stop

    def _stop(self) -> None:
        self._alarm.cancel()
        if self._comment is not None:
            self._comment.cancel()

    def _look(self) -> None:
        if self._writer.stalled(self._times.write_stall):
            self._interrupt()
            return
        if self._writer.silent(self._times.keep_alive):
            self._comment = asyncio.ensure_future(self._writer.write(_KEEP_ALIVE))
        soonest = self._clock.now() + _LOOK_S
        self._alarm = self._clock.alarm(max(self._writer.due(self._times), soonest), self._look)


def _stopped() -> CallerLeft:
    return CallerLeft("The caller stopped reading.")
