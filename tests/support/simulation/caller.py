"""A caller: one connection, what is asked on it, and what is seen of the answers."""

import asyncio
from typing import cast

import httptools
from msgspec import Struct
from typing_extensions import override

from support.simulation.loop import VirtualLoop
from support.simulation.scene import Ask, CallerPlan
from support.simulation.trace import Trace
from support.simulation.transport import SimTransport


class View(Struct, kw_only=True):
    """What a caller saw of one answer. `sent` once the whole request was on its way."""

    ask: Ask
    caller: "Caller"
    sent: bool = False
    status: int = 0
    headers: dict[str, str] = {}
    body: bytearray = bytearray()
    complete: bool = False


class Caller(asyncio.Protocol):
    """Follows its plan. `left_at` is when it went by itself, `stopped` that it reads no more.

    `lost` once the connection has ended, by whom ever; `surplus` is what came without having been asked for.
    """

    def __init__(self, loop: VirtualLoop, trace: Trace, plan: CallerPlan) -> None:
        self._loop = loop
        self._trace = trace
        self.plan = plan
        self.views = [View(ask=ask, caller=self, headers={}, body=bytearray()) for ask in plan.asks]
        self.left_at: float | None = None
        self.stopped = False
        self.lost = False
        self.surplus = ""
        self._asked = 0
        self._answered = 0
        self._received = 0
        self._parser = httptools.HttpResponseParser(self)
        self._timers: list[asyncio.TimerHandle] = []

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(SimTransport, transport)
        leaving = self.plan.leaving
        if leaving is not None and leaving.after is not None:
            self._timers.append(self._loop.call_later(leaving.after, self.leave))
        if leaving is not None and leaving.at_turn is not None:
            self._loop.call_at_turn(self._loop.turns + leaving.at_turn, self._leave_now)
        if self.plan.reading.stops_at == 0:
            self._stop_reading()
        if self.plan.order == "together":
            for _ in self.views:
                self._ask()
        else:
            self._ask()

    @override
    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.surplus = self.surplus or f"not HTTP: {error}"
            self._transport.abort()
            return
        leaving, reading = self.plan.leaving, self.plan.reading
        if leaving is not None and leaving.at_bytes is not None and self._received >= leaving.at_bytes:
            self.leave()
        if reading.stops_at is not None and self._received >= reading.stops_at:
            self._stop_reading()
        elif reading.rest:
            self._transport.pause_reading()
            self._timers.append(self._loop.call_later(reading.rest, self._transport.resume_reading))

    @override
    def eof_received(self) -> bool:
        return False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        for timer in self._timers:
            timer.cancel()
        del self._parser

    def leave(self) -> None:
        """Go, as planned, unless the connection is gone already."""
        if self.left_at is not None or self._transport.is_closing():
            return
        how = "fin" if self.plan.leaving is None else self.plan.leaving.how
        self._trace.note(self.plan.name, f"leaves by {how}")
        self.left_at = self._loop.time()
        if how == "rst":
            self._transport.reset()
        elif how == "fin":
            self._transport.close()
        else:
            self._transport.write_eof()

    def _leave_now(self) -> None:
        self.leave()
        self._transport.hurry()

    def _stop_reading(self) -> None:
        if not self.stopped:
            self._trace.note(self.plan.name, "stops reading")
            self.stopped = True
        self._transport.pause_reading()

    def _ask(self) -> None:
        if self._asked == len(self.views) or self._transport.is_closing() or self.left_at is not None:
            return
        view = self.views[self._asked]
        self._asked += 1
        self._trace.note(self.plan.name, f"asks {view.ask.tag} ({view.ask.kind}, {view.ask.fault})")
        dawdles = self.plan.dawdles
        if dawdles is not None and self._asked == 1:
            at, wait = dawdles
            self._transport.write(view.ask.raw[:at])
            if wait < 1_000:
                self._timers.append(self._loop.call_later(wait, self._send, view, at))
        else:
            self._send(view, 0)

    def _send(self, view: View, start: int) -> None:
        if self._transport.is_closing() or self.left_at is not None:
            return
        self._transport.write(view.ask.raw[start:])
        view.sent = True
        if self.plan.order == "overlapping":
            self._timers.append(self._loop.call_later(0.3, self._ask))

    # What httptools calls.

    @property
    def _view(self) -> View | None:
        return self.views[self._answered] if self._answered < self._asked else None

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self._view is None:
            self.surplus = "an answer that nobody asked for"

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        if self._view is not None:
            self._view.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """All of them."""
        if self._view is not None:
            self._view.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        if self._view is not None:
            self._view.body += body

    def on_message_complete(self) -> None:
        """Its end."""
        view = self._view
        if view is None:
            return
        view.complete = True
        self._trace.note(self.plan.name, f"has an answer to {view.ask.tag}: {view.status}", bytes(view.body))
        self._answered += 1
        if self._answered < len(self.views):
            if self._answered == self._asked:
                self._loop.call_soon(self._ask)
        elif self.plan.lingers is not None:
            self._timers.append(self._loop.call_later(self.plan.lingers, self._go))

    def _go(self) -> None:
        if not self._transport.is_closing():
            self._trace.note(self.plan.name, "is done")
            self._transport.close()
