"""uvicorn's HTTP protocol within bounds of our own, and what the application may know of a caller's connection."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from typing_extensions import override
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from domain.model.errors import GatewayError, GatewayLimit, InvalidRequest
from entrypoints.http.errors import STATUS, HeadersTooLarge, HeadersTooSlow, envelope
from entrypoints.http.scope import CONNECTION
from entrypoints.http.serving.outgoing import Outgoing
from entrypoints.http.serving.patience import ConnectionLimits, Impatient, Sweeper

_MOST_HEADER_BYTES = 128 * 1024  # twice what the front door lets in: what is above that is told there
_KEEP_ALIVE_S = 75.0


class Bounded(Protocol):
    """The parts of serving.config.GatewayConfig that are wanted here."""

    limits: ConnectionLimits
    sweeper: Sweeper


class GatewayHttpProtocol(HttpToolsProtocol):
    """One caller's connection. Implements entrypoints.http.scope.CallerConnection, as an ASGI extension.

    Ends connections that take too long over headers (408), send headers without end (431) or are one too many (503),
    and answers what is not HTTP (400): all in the contract's form, before there is a request to speak of.
    """

    config: Bounded  # type: ignore[assignment] # what serving.config makes, which knows this module

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._extensions: dict[str, dict[object, object]] = {CONNECTION: {"connection": self}}
        self._when_lost: Callable[[], None] | None = None
        self._running: RequestResponseCycle | None = None  # the exchange under way; `cycle` is the newest
        self._until: float | None = None  # the loop's time by which a head must have begun, or ended
        self._in_head = False
        self._head_bytes = 0

    # For the application.

    @property
    def body_is_here(self) -> bool:
        """See entrypoints.http.scope."""
        return self._running is not None and not self._running.more_body

    def hang_up(self) -> None:
        """See entrypoints.http.scope."""
        self.transport.abort()

    def when_lost(self, tell: Callable[[], None]) -> Callable[[], None]:
        """See entrypoints.http.scope."""
        self._when_lost = tell
        if self._running is None or self._running.disconnected:
            self.loop.call_soon(tell)
        return self._forget

    def _forget(self) -> None:
        self._when_lost = None

    # For the sweeper.

    def look_at(self, now: float) -> None:
        """See serving.patience."""
        if self._until is None or now < self._until or self._answering:
            return
        if self._in_head:
            self._refuse(HeadersTooSlow("The request's headers took too long to come."))
        else:
            self.transport.close()  # nobody is waiting for a word

    # For the event loop and the parser.

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own way
        super().connection_made(transport)
        if len(self.connections) > self.config.limits.most:
            self._refuse(GatewayLimit("Too many connections."))
            return
        self._until = self.loop.time() + self.config.limits.header_timeout
        self.config.sweeper.watch(cast(set[Impatient], self.connections))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._running is not None:  # uvicorn tells the newest only, which may be waiting behind this one
            self._running.disconnected = not self._running.response_complete
            self._running.message_event.set()
        if self._when_lost is not None:
            self._when_lost()
        # These know us: without circles all memory is free at once, and not when the collector comes by.
        self._running = self.cycle = self.scope = None  # type: ignore[assignment] # as they were before the first request
        self._extensions.clear()
        self._when_lost = None

    @override
    def data_received(self, data: bytes) -> None:
        goes_on = self._in_head
        super().data_received(data)
        if goes_on and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEADER_BYTES:
                self._refuse(HeadersTooLarge("The request's headers are too large."))

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._until = self.loop.time() + self.config.limits.header_timeout
        self._in_head = True
        self._head_bytes = 0

    @override
    def on_headers_complete(self) -> None:
        self._until = None
        self._in_head = False
        super().on_headers_complete()

    @override
    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:  # uvicorn would set a timer for each response
            patience = self.config.limits.header_timeout if self._in_head else _KEEP_ALIVE_S
            self._until = self.loop.time() + patience

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        self._when_lost = None
        super()._start_asgi_task(cycle, Outgoing(cycle, app))

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(InvalidRequest("This is not an HTTP request."))

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, error: GatewayError) -> None:
        if self._answering:  # anything we said now would stand in the middle of that answer
            self.transport.abort()
        if self.transport.is_closing():
            return
        body = envelope(error)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[STATUS[type(error)].status] + head + body)
        self.transport.close()
