"""One connection to a provider: bytes out, an answer in, and what can go wrong between."""

import asyncio
from collections.abc import Callable
from typing import cast

from typing_extensions import override

from adapters.upstream_http.httptools_client.answer_reader import AnswerReader
from adapters.upstream_http.idle_watch import IdleWatch
from domain.model.errors import (
    ConnectionWasStale,
    UpstreamError,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)

READ = 32 * 1024
"""Bytes to read at once, at most: event loops would take 256 KiB, which might have to wait for a slow reader."""
_FULL = 32 * 1024  # unread bytes at which the provider is paused
_MOMENT_S = 1.0  # for an answer to end that nobody listens to any more
_LET_GO = 64 * 1024  # bytes of it, at most


class Connection(asyncio.BufferedProtocol):
    """Carries one exchange at a time. `on_lost` is told, once, when the connection has ended.

    `buffer` is what the event loop reads into. What was read is done with before anything else is, so all connections
    of a loop share one.

    idle --ask--> waiting for the head --> reading the body [--> letting it end] --> idle, or gone at any time
    """

    def __init__(self, buffer: memoryview, on_lost: Callable[["Connection"], None]) -> None:
        self._buffer = buffer
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: UpstreamError | None = None
        self._watch: IdleWatch | None = None
        self._busy = False
        self._kept = False  # has carried an exchange, and we have not broken it off
        self._paused = False
        self._give_back: Callable[[], None] | None = None  # while an answer ends that nobody listens to
        self._parting: asyncio.TimerHandle | None = None
        self._let_go = _LET_GO
        self.answer = AnswerReader()
        self.idle_since = 0.0

    def ask(self, head: bytes, body: bytes, idle_timeout: float | None) -> None:
        """Send a request. Its answer is awaited with `began` and read with `piece`."""
        transport = cast(asyncio.Transport, self._transport)
        self._busy = True
        self._let_go = _LET_GO
        self._watch = IdleWatch(idle_timeout, self._gone_silent)
        self.answer.begin()
        transport.writelines((head, body) if body else (head,))

    async def began(self, until: float | None) -> None:
        """Wait for the head of the answer, until that time on the loop's clock. Raises UpstreamError."""
        timer = None if until is None else self._loop.call_at(until, self._too_late)
        try:
            while not self.answer.began:
                await self._more()
        finally:
            if timer is not None:
                timer.cancel()

    async def piece(self) -> bytes:
        """All of the body that is there, at least one byte; nothing at its end. Raises UpstreamError."""
        answer, watch = self.answer, cast(IdleWatch, self._watch)
        while not answer.pieces:
            if answer.complete:
                return b""
            watch.reading()
            await self._more()
            watch.read()
        piece = answer.take()
        if self._paused:
            self._resume()
        return piece

    def end(self, give_back: Callable[[], None], *, soon: bool) -> None:
        """End the exchange. `give_back` is called if the connection can carry another one; else it is broken off.

        `soon` gives the answer a moment to end by itself, unheard.
        """
        if self._watch is not None:
            self._watch.stop()
        self.answer.take()
        if soon and not self.answer.complete and self.usable:
            self._give_back = give_back
            self._parting = self._loop.call_later(_MOMENT_S, self.abort)
            self._resume()
        else:
            self._part(give_back)

    def abort(self) -> None:
        """Break the connection off, whatever has not been sent or read."""
        self._kept = False
        if self._watch is not None:
            self._watch.stop()
        if self._parting is not None:
            self._parting.cancel()
        if self._transport is not None:
            self._transport.abort()

    @property
    def usable(self) -> bool:
        """Whether a request can be sent on it."""
        return self._transport is not None and not self._transport.is_closing()

    # What the event loop calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._buffer[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """What was read."""
        if not self._busy:  # nobody asked: whatever it is, it must not become somebody's answer
            self.abort()
            return
        try:
            self.answer.feed(data)
        except UpstreamError as error:
            self._fail(error)
            return
        if self._give_back is not None:
            self._unheard(self._give_back)
            return
        if self.answer.buffered >= _FULL and not self._paused:
            self._paused = True
            cast(asyncio.Transport, self._transport).pause_reading()
        self._wake()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy and not self.answer.complete:
            if exc is None:
                self.answer.eof()
            if self.answer.complete:
                self._wake()
            else:
                self._fail(self._broken(exc))
        self.answer.close()
        self._on_lost(self)

    def _unheard(self, give_back: Callable[[], None]) -> None:
        self._let_go -= len(self.answer.take())
        if self.answer.complete:
            self._part(give_back)
        elif self._let_go < 0:
            self.abort()

    def _part(self, give_back: Callable[[], None]) -> None:
        transport = cast(asyncio.Transport, self._transport)
        # What was not sent yet of a request would stand before the next one.
        if not self.answer.clean or transport.is_closing() or transport.get_write_buffer_size():
            self.abort()
            return
        if self._parting is not None:
            self._parting.cancel()
        self._resume()
        self._give_back = None
        self._busy = False
        self._kept = True
        self.idle_since = self._loop.time()
        give_back()

    def _broken(self, exc: Exception | None) -> UpstreamError:
        if self.answer.began:
            return UpstreamTruncated("The provider's answer broke off.")
        if self._kept and not self.answer.heard and (exc is None or isinstance(exc, ConnectionError)):
            return ConnectionWasStale("The provider cannot be reached.")
        return UpstreamUnreachable("The provider cannot be reached.")

    def _too_late(self) -> None:
        self._fail(UpstreamTimeout("The provider took too long to answer."))

    def _gone_silent(self) -> None:
        self._fail(UpstreamTimeout("The provider went silent in the middle of its answer."))

    def _fail(self, failure: UpstreamError) -> None:
        if self._failure is None:
            self._failure = failure
        self.abort()
        self._wake()

    async def _more(self) -> None:
        """Come back when something has happened. Raises what has failed, behind all that had come before it."""
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            if self.usable:
                cast(asyncio.Transport, self._transport).resume_reading()
