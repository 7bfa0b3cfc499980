"""The writing end of a streamed answer: what was sent when, comments in silence, and an eye on the reader."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar.types import Send
from msgspec import Struct

from domain.model.call import Call
from domain.use_cases.stream_chat import Answer
from entrypoints.http.errors import CallerLeft
from entrypoints.http.sending.headers import answer_headers
from ports.clock import Clock

_KEEP_ALIVE = b": keep-alive\n\n"
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

    def until_due(self, times: StreamTimes) -> float:
        """Seconds until something could be due; looked at again then."""
        if self._writing_since is not None:
            return max(self._writing_since + times.write_stall - self._clock.now(), 0.001)
        due = min(times.keep_alive, times.write_stall)
        return max(self._last + due - self._clock.now(), 0.001)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        if self.answer is None:  # a keep-alive before any provider has accepted: there is no origin to tell yet
            return [*_HEADERS, (b"x-request-id", self._call.id.encode())]
        return [*_HEADERS, *answer_headers(self._call, self.answer.provenance, self._clock.now())]


async def _beat(writer: StreamWriter, clock: Clock, times: StreamTimes) -> None:
    """Send a comment whenever there was silence; return when the reader has stalled."""
    while True:
        await clock.sleep(writer.until_due(times))
        if writer.stalled(times.write_stall):
            return
        if writer.silent(times.keep_alive):
            await writer.write(_KEEP_ALIVE)


@asynccontextmanager
async def while_reader_reads(writer: StreamWriter, clock: Clock, times: StreamTimes) -> AsyncIterator[None]:
    """A block in which silence is filled with comments, and which ends with CallerLeft when a write stalls.

    One timer a stream: it looks at what the writer noted, nothing is set or cleared for a chunk.
    """
    working = asyncio.current_task()
    stalled = False

    def give_up(beating: asyncio.Future[None]) -> None:
        nonlocal stalled
        if working is not None and not beating.cancelled():
            stalled = True
            working.cancel()

    beating = asyncio.ensure_future(_beat(writer, clock, times))
    beating.add_done_callback(give_up)
    try:
        yield
    except asyncio.CancelledError as error:
        if not stalled or working is None:
            raise
        working.uncancel()
        raise CallerLeft("The caller stopped reading.") from error
    finally:
        beating.remove_done_callback(give_up)
        beating.cancel()
