"""uvicorn's HTTP protocol within bounds of our own, and what the application may know of a caller's connection."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import httptools
from typing_extensions import override
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from domain.model.errors import GatewayError, GatewayLimit, InvalidRequest
from entrypoints.http.errors import STATUS, HeadersTooLarge, HeadersTooSlow, envelope
from entrypoints.http.scope import CONNECTION
from entrypoints.http.serving.outgoing import Outgoing
from entrypoints.http.serving.patience import ConnectionLimits, Impatient, Sweeper

_MOST_HEADER_BYTES = 128 * 1024  # twice what the front door lets in: what is above that is told there
_MOST_TARGET_BYTES = 16 * 1024  # the same for the path and query
_MOST_FRAMING_BYTES = 16 * 1024  # of chunk sizes, their extensions and trailers, between two bytes of a body
_MOST_UNREAD_BYTES = 32 * 1024  # written for a caller who does not take it: then whoever writes waits
_MOST_WAITING = 4  # requests sent before the one under way was answered
_LINGER_S = 1.0  # for a caller to see our last word before the connection is broken off
_UPGRADE = frozenset({b"upgrade", b"connection", b"http2-settings"})


class Bounded(Protocol):
    """The parts of serving.config.GatewayConfig that are wanted here."""

    limits: ConnectionLimits
    sweeper: Sweeper
    retiring: bool


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
        self._framing_bytes = 0
        self._last_word: GatewayError | None = None  # what is said when all answers before it have ended
        self._deaf = False  # nothing that still comes counts
        self.fault: GatewayError | None = None
        self._written = 0  # bytes, for the caller
        self._taken = 0  # of them, when last looked at
        self._unread_since = 0.0

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

    # For the server and the sweeper.

    def out_of_time(self, error: GatewayError) -> None:
        """Wait no longer for a body that is still coming: whoever reads it answers with this."""
        if self._body_comes and not self.cycle.response_started:
            self._refuse(error)

    def look_at(self, now: float) -> None:
        """See serving.patience."""
        self._look_at_reader(now)
        if self._until is None or now < self._until or self._answering:
            return
        if self._deaf:
            self.transport.abort()
        elif self._in_head:
            self._refuse(HeadersTooSlow("The request's headers took too long to come."))
        else:
            self.transport.close()  # nobody is waiting for a word

    def _wrote(self, size: int) -> None:
        self._written += size

    def _look_at_reader(self, now: float) -> None:
        """Give up a caller who takes nothing: also behind an answer's end, where nobody else looks."""
        unread = self.transport.get_write_buffer_size()
        if not unread or self._written - unread > self._taken:
            self._taken, self._unread_since = self._written - unread, now
        elif now - self._unread_since >= self.config.limits.stall_timeout:
            self.transport.abort()

    # For the event loop and the parser.

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own way
        super().connection_made(transport)
        if len(self.connections) > self.config.limits.most:
            self._refuse(GatewayLimit("Too many connections."))
            return
        transport.set_write_buffer_limits(high=_MOST_UNREAD_BYTES)
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
        if self._deaf:
            return
        goes_on = self._in_head
        self._framing_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(InvalidRequest("This is not an HTTP request."))
        if goes_on and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEADER_BYTES:
                self._refuse(HeadersTooLarge("The request's headers are too large."))
        elif self._framing_bytes > _MOST_FRAMING_BYTES and self._body_comes:
            self._refuse(InvalidRequest("The request's body has more framing than content."))

    def _without_upgrade(self, rest: bytes) -> None:
        """Go on as if no other protocol had been asked for, as RFC 9110 7.8 allows; Java's client asks by default."""
        if self.scope["method"] == "CONNECT":
            self._refuse(InvalidRequest("This is not a proxy."))
            return
        kept = [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] not in _UPGRADE]
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (self.scope["method"].encode(), self.url, b"".join(kept))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._until = self.loop.time() + self.config.limits.header_timeout
        self._in_head = True
        self._head_bytes = 0

    @override
    def on_url(self, url: bytes) -> None:
        self.url = (self.url + url)[: _MOST_TARGET_BYTES + 1]  # longer ones are refused by the front door

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else it stands behind the body, where a header could go around who looks at headers
            super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        self._until = None
        self._in_head = False
        self._framing_bytes = 0
        if self.parser.should_upgrade():
            self.scope["method"] = self.parser.get_method().decode("ascii")
        else:
            super().on_headers_complete()
            if len(self.pipeline) <= _MOST_WAITING:  # uvicorn pauses for the first: then nobody sees the caller leave
                self.flow.resume_reading()

    @override
    def on_body(self, body: bytes) -> None:
        self._framing_bytes = 0
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()
            if not self.pipeline:  # a large body has paused reading, by which we would see the caller leave
                self.flow.resume_reading()

    @override
    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._running is not None and self._running.more_body and not self._running.keep_alive:
            self._let_leave()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._last_word is not None:
            self._say(self._last_word)
        else:  # uvicorn would set a timer for each response
            limits = self.config.limits
            hurried = self._in_head or self.cycle.more_body  # the rest of a body that nobody reads has no more time
            patience = limits.header_timeout if hurried else limits.idle_timeout
            self._until = self.loop.time() + patience

    def _let_leave(self) -> None:
        """Hang up on a caller who may still send: to close at once would reset, and take the answer away from it."""
        self._deaf = True
        self._until = self.loop.time() + _LINGER_S
        self.config.sweeper.watch(cast(set[Impatient], self.connections))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self.config.retiring:
            cycle.keep_alive = False
        self._running = cycle
        self._when_lost = None
        super()._start_asgi_task(cycle, Outgoing(cycle, app, self._wrote))

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _body_comes(self) -> bool:
        """Whether the newest request is under way, with a body that has not ended."""
        return self._answering and self.cycle.more_body

    def _refuse(self, error: GatewayError) -> None:
        """Say no more but this, in its turn: nothing may stand in the middle of an answer."""
        if self._body_comes and self._running is self.cycle and not self.cycle.response_started:
            self.fault = error  # whoever reads the body answers with it
            self.cycle.keep_alive = False
            self.cycle.message_event.set()
        elif self._answering:
            self._last_word = error
            self._deaf = True
            self.flow.pause_reading()
        else:
            self._say(error)

    def _say(self, error: GatewayError) -> None:
        if self.transport.is_closing():
            return
        body = envelope(error)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[STATUS[type(error)].status] + head + body)
        self._let_leave()
