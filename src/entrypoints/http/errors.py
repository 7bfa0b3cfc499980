"""Errors as HTTP: one table from error type to status, and the one place where an unexpected error ends."""

import logging
import math
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import Response
from litestar.types import ASGIApp, HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send

from domain.model import errors as domain
from domain.model.call import Call, Operation, Settlement
from domain.model.hygiene import clean_text
from entrypoints.http.openai_wire import ErrorBody, ErrorEnvelope
from entrypoints.http.scope import Visit, visit_of
from ports.clock import Clock
from ports.observer import Observer

_LOG = logging.getLogger("llm_proxy")


class HttpRefusal(domain.CallerError):
    """The HTTP request itself is at fault, before its body means anything."""


class PayloadTooLarge(HttpRefusal):
    """The body has more bytes than the limit."""

    code = "payload_too_large"


class UnsupportedMediaType(HttpRefusal):
    """The body is not plain JSON."""

    code = "unsupported_media_type"


class BodyTooSlow(HttpRefusal):
    """The body did not come in time."""

    code = "request_timeout"


class HeadersTooSlow(HttpRefusal):
    """The headers did not come in time."""

    code = "request_timeout"


class HeadersTooLarge(HttpRefusal):
    """Too many headers, or too long."""

    code = "headers_too_large"


class UriTooLong(HttpRefusal):
    """The path and query are longer than any of ours."""

    code = "uri_too_long"


class CallerLeft(HttpRefusal):
    """Nobody is there to answer to. Never seen by a caller; nginx's 499 in our own records."""

    code = "caller_left"


class Row(NamedTuple):
    """An HTTP status and OpenAI's word for the kind of error."""

    status: int
    type: str


STATUS: dict[type[domain.GatewayError], Row] = {
    domain.GatewayError: Row(500, "server_error"),
    domain.CallerError: Row(400, "invalid_request_error"),
    domain.InvalidRequest: Row(400, "invalid_request_error"),
    domain.UnsupportedParameter: Row(400, "invalid_request_error"),
    domain.ContextTooLong: Row(400, "invalid_request_error"),
    domain.ContentRejected: Row(400, "invalid_request_error"),
    domain.UnknownModel: Row(404, "invalid_request_error"),
    domain.NotAuthenticated: Row(401, "authentication_error"),
    domain.NotAllowed: Row(403, "permission_error"),
    HttpRefusal: Row(400, "invalid_request_error"),
    PayloadTooLarge: Row(413, "invalid_request_error"),
    UnsupportedMediaType: Row(415, "invalid_request_error"),
    BodyTooSlow: Row(408, "invalid_request_error"),
    HeadersTooSlow: Row(408, "invalid_request_error"),
    HeadersTooLarge: Row(431, "invalid_request_error"),
    UriTooLong: Row(414, "invalid_request_error"),
    CallerLeft: Row(499, "invalid_request_error"),
    domain.UpstreamError: Row(502, "upstream_error"),
    domain.UpstreamUnreachable: Row(502, "upstream_error"),
    domain.ConnectionWasStale: Row(502, "upstream_error"),
    domain.UpstreamTimeout: Row(504, "upstream_error"),
    domain.UpstreamRateLimited: Row(429, "rate_limit_error"),
    domain.UpstreamRefusedUs: Row(502, "upstream_error"),
    domain.UpstreamFailed: Row(502, "upstream_error"),
    domain.UpstreamInvalid: Row(502, "upstream_error"),
    domain.UpstreamTruncated: Row(502, "upstream_error"),
    domain.GatewayLimit: Row(503, "server_error"),
    domain.Overloaded: Row(429, "rate_limit_error"),
    domain.ShuttingDown: Row(503, "server_error"),
    domain.DeadlineExceeded: Row(504, "server_error"),
}
_INTERNAL_STATUS = 500
_JSON = "application/json"
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large", 415: "unsupported_media_type"}
_INTERNAL = ErrorBody(message="Internal error.", type="server_error", param=None, code="internal_error")


def envelope(error: domain.GatewayError) -> bytes:
    """The error as the JSON that callers get, in a body or as an event of a stream."""
    row = STATUS[type(error)]
    body = ErrorBody(message=error.message, type=row.type, param=error.param, code=error.code)
    return msgspec.json.encode(ErrorEnvelope(body))


def error_headers(error: domain.GatewayError) -> dict[str, str]:
    """Headers that tell a client what to do: when to come back, and not to repeat what we have repeated."""
    headers: dict[str, str] = {}
    if isinstance(error, domain.UpstreamError):
        headers["x-should-retry"] = "false"  # our attempts are spent; theirs would multiply with them
    if isinstance(error, domain.UpstreamRateLimited):
        headers.update(error.rate_limits)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["retry-after"] = str(math.ceil(retry_after))
        headers["retry-after-ms"] = str(math.ceil(retry_after * 1000))
    return headers


def _messages(
    status: int, headers: dict[str, str], body: bytes
) -> tuple[HTTPResponseStartEvent, HTTPResponseBodyEvent]:
    lines = {"content-type": _JSON, "content-length": str(len(body)), **headers}
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in lines.items()]
    return (
        {"type": "http.response.start", "status": status, "headers": raw},
        {"type": "http.response.body", "body": body, "more_body": False},
    )


class ErrorBorder:
    """Litestar's exception handler: every error of a request ends here, settled and in the contract's form."""

    def __init__(self, clock: Clock, observer: Observer) -> None:
        self._clock = clock
        self._observer = observer

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        """The answer to a request that ended in `error`."""
        status, headers, body = self._answer(visit_of(request.scope), _operation(request), error)
        return Response(body, status_code=status, headers=headers, media_type=_JSON)

    def around(self, app: ASGIApp, operation: Operation) -> ASGIApp:
        """The same for an application that Litestar does not call. Errors are answered until something was sent."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except Exception as error:  # noqa: BLE001 - the border: whatever it is, the caller gets an answer
                await self.tell(visit_of(scope), operation, error, send)

        return guarded

    async def tell(self, visit: Visit, operation: Operation, error: Exception, send: Send) -> None:
        """Settle and answer a request that ended in `error`, where no framework is around."""
        for message in _messages(*self._answer(visit, operation, error)):
            await send(message)

    def _answer(self, visit: Visit, operation: Operation, error: Exception) -> tuple[int, dict[str, str], bytes]:
        headers = {"x-request-id": visit.request_id}
        if isinstance(error, domain.GatewayError):
            row, body = STATUS[type(error)], envelope(error)
            status, code = row.status, error.code
            headers.update(error_headers(error))
        elif isinstance(error, HTTPException):
            status, code = error.status_code, _HTTP_CODES.get(error.status_code, "invalid_request")
            headers.update(error.headers or {})
            body = _plain(error, code)
        else:
            status, code, body = 500, "internal_error", msgspec.json.encode(ErrorEnvelope(_INTERNAL))
            _log_unexpected(error, visit.request_id)
        if status == STATUS[domain.NotAuthenticated].status:
            headers["www-authenticate"] = "Bearer"
        if not visit.handed_over:
            self._settle(visit, operation, error, failed=status >= _INTERNAL_STATUS, code=code)
        return status, headers, body

    def _settle(
        self, visit: Visit, operation: Operation, error: Exception, *, failed: bool = False, code: str | None = None
    ) -> None:
        """Settle a request that no use case has seen."""
        self._observer.settled(
            Settlement(
                call=Call(id=visit.request_id, caller=visit.caller, started=visit.started, deadline=math.inf),
                operation=operation,
                outcome="failed" if failed else "rejected",
                ended_at=self._clock.wall(),
                duration=self._clock.now() - visit.started,
                error=type(error).__name__,
                code=code or getattr(error, "code", None),
            )
        )


def _operation(request: Request[Any, Any, Any]) -> Operation:
    route = request.scope.get("route_handler")
    found: Operation = "other" if route is None else route.opt.get("operation", "other")
    return found


def _plain(error: HTTPException, code: str) -> bytes:
    kind = "server_error" if error.status_code >= _INTERNAL_STATUS else "invalid_request_error"
    message = clean_text(error.detail or "The request was refused.")
    return msgspec.json.encode(ErrorEnvelope(ErrorBody(message=message, type=kind, param=None, code=code)))


@contextmanager
def internal_errors_told(request_id: str) -> Iterator[None]:
    """A block whose unexpected errors become ours: for a stream that has begun, where no status can tell of them."""
    try:
        yield
    except domain.GatewayError:
        raise
    except Exception as error:
        _log_unexpected(error, request_id)
        raise domain.GatewayError(_INTERNAL.message) from error


def _log_unexpected(error: Exception, request_id: str) -> None:
    # Where it happened, not what it said: a message could quote a prompt.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("unexpected error %s in request %s\n%s", type(error).__name__, request_id, frames)
