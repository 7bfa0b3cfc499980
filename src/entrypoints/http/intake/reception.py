"""From a connection to a call: the body within its limits, who asks, until when."""

import math
import re
import secrets
from collections.abc import Callable
from typing import Any

from litestar import Request
from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from msgspec import Struct

from domain.model.call import Call, Trace
from domain.model.errors import InvalidRequest
from entrypoints.http.errors import BodyTooSlow, CallerLeft, PayloadTooLarge, UnsupportedMediaType
from entrypoints.http.scope import visit_of
from ports.clock import Clock

AnyRequest = Request[Any, Any, Any]
# version 00 of https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_JSON = "application/json"


class ReceptionLimits(Struct, frozen=True, kw_only=True):
    """`request_timeout` and `body_timeout` in seconds, `max_body` in bytes; `tracing` when we make spans."""

    request_timeout: float
    body_timeout: float
    max_body: int
    tracing: bool


class Reception:
    """Takes requests in. `random_hex` gives so many random bytes as hex."""

    def __init__(
        self, clock: Clock, limits: ReceptionLimits, random_hex: Callable[[int], str] = secrets.token_hex
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._random_hex = random_hex

    def call(self, request: AnyRequest) -> Call:
        """Who asks, under which id and until when. Raises InvalidRequest for a malformed `x-request-timeout`."""
        visit = visit_of(request.scope)
        return Call(
            id=visit.request_id,
            caller=visit.caller,
            started=visit.started,
            deadline=visit.started + self._time_allowed(request),
            trace=self._trace(request),
        )

    def hand_over(self, request: AnyRequest) -> None:
        """From here on the use case settles."""
        visit_of(request.scope).handed_over = True

    async def body(self, request: AnyRequest) -> bytes:
        """The whole body. Raises PayloadTooLarge, UnsupportedMediaType, BodyTooSlow, CallerLeft."""
        _refuse_media(request)
        try:
            async with self._clock.deadline(self._clock.now() + self._limits.body_timeout):
                return await request.body()
        except TimeoutError as error:
            raise BodyTooSlow("The request's body took too long to come.") from error
        except RequestEntityTooLarge as error:
            raise PayloadTooLarge(f"The request's body is larger than {self._limits.max_body} bytes.") from error
        except ClientException as error:
            raise CallerLeft("The caller left before the request was complete.") from error

    def _time_allowed(self, request: AnyRequest) -> float:
        given = request.headers.get("x-request-timeout")
        if given is None:
            return self._limits.request_timeout
        try:
            seconds = float(given)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            raise InvalidRequest("The header must be a number of seconds.", param="x-request-timeout")
        return min(seconds, self._limits.request_timeout)

    def _trace(self, request: AnyRequest) -> Trace | None:
        match = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
        if match is None:
            if not self._limits.tracing:
                return None
            return Trace(trace_id=self._random_hex(16), span_id=self._random_hex(8))
        trace_id, parent, flags = match.groups()
        sampled = bool(int(flags, 16) & 1)
        if not self._limits.tracing:  # nobody would ever see a span of ours: the caller's stays the parent
            return Trace(trace_id=trace_id, span_id=parent, sampled=sampled)
        return Trace(trace_id=trace_id, span_id=self._random_hex(8), parent_id=parent, sampled=sampled)


def _refuse_media(request: AnyRequest) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != _JSON or charset not in ("", "utf-8"):
        raise UnsupportedMediaType("The body must be application/json in UTF-8.", param="content-type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("The body must not be compressed.", param="content-encoding")
