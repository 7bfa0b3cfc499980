"""The sending half of one HTTP exchange: ASGI messages in, HTTP/1.1 out (RFC 9112), one write for each part."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_NO_BODY = frozenset({204, 304})
_LAST_CHUNK = b"0\r\n\r\n"


class Outgoing:
    """Wraps the application of one exchange and writes what it sends.

    uvicorn writes the head by itself, which costs a system call more for each answer and for each first token; here
    it waits for the part that follows. Everything else of the exchange is uvicorn's, by its own flags in `cycle`.
    `wrote` is told how many bytes went out.
    """

    def __init__(self, cycle: RequestResponseCycle, app: ASGI3Application, wrote: Callable[[int], None]) -> None:
        self._cycle = cycle
        self._app = app
        self._wrote = wrote
        self._head = b""
        self._chunked = False
        self._left: int | None = None  # bytes of a declared length that are still to come
        self._has_body = True

    def __call__(self, scope: Any, receive: ASGIReceiveCallable, _send: ASGISendCallable) -> Awaitable[None]:
        """ASGI, towards uvicorn."""
        return self._app(scope, receive, self.send)

    async def send(self, message: Any) -> None:
        """ASGI's send. Waits while the caller does not read, unless nothing more will follow.

        What comes last can wait in the transport, and must not keep whoever has ended the answer from ending.
        Raises RuntimeError for messages out of order.
        """
        cycle = self._cycle
        waits = cycle.response_started and message.get("more_body", False)  # the head is only kept here
        if waits and cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if cycle.response_complete:
            raise RuntimeError("a message behind the end of the response")
        if not cycle.response_started:
            self._begin(message)
        elif message["type"] == "http.response.body":
            self._go_on(message["body"], more=message.get("more_body", False))
        else:
            raise RuntimeError("a second beginning of the response")

    def _begin(self, message: Any) -> None:
        cycle, status = self._cycle, message["status"]
        headers: Iterable[tuple[bytes, bytes]] = message["headers"]
        fields = dict(headers)
        length = fields.get(b"content-length")
        lines = [STATUS_LINE[status][:-2]]
        lines += [b"%b: %b" % pair for pair in cycle.default_headers]
        lines += [b"%b: %b" % pair for pair in headers]
        if b"close" in fields.get(b"connection", b"").lower():
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            lines.append(b"connection: close")
        self._has_body = status not in _NO_BODY and cycle.scope["method"] != "HEAD"
        if length is not None:
            self._left = int(length)
        elif self._has_body and cycle.scope["http_version"] == "1.1":
            self._chunked = True
            lines.append(b"transfer-encoding: chunked")
        head = b"\r\n".join(lines)
        if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
            raise RuntimeError("a header with a line end in it")
        self._head = head + b"\r\n\r\n"
        cycle.response_started = True
        cycle.waiting_for_100_continue = False

    def _go_on(self, body: bytes, *, more: bool) -> None:
        cycle = self._cycle
        body = self._framed(body, more=more) if self._has_body else b""
        if self._head:
            body, self._head = self._head + body, b""
        if body:
            cycle.transport.write(body)
            self._wrote(len(body))
        if not more:
            cycle.response_complete = True
            cycle.message_event.set()
            if not cycle.keep_alive and not cycle.more_body:
                cycle.transport.close()
            cycle.on_response()

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        if self._chunked:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            return body if more else body + _LAST_CHUNK
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("a body that is not as long as was declared")
        return body
