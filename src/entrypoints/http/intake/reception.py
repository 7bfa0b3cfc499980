"""From a connection to a call: the body within its limits, who asks, until when."""

import math
import re
import secrets
from collections.abc import Callable
from typing import Any

from litestar.types import Receive
from msgspec import Struct

from domain.model.call import Call, Trace
from domain.model.errors import InvalidRequest
from domain.use_cases.interruption import deadline
from entrypoints.http.errors import BodyTooSlow, CallerLeft, PayloadTooLarge, UnsupportedMediaType
from entrypoints.http.scope import Visit
from ports.clock import Clock

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

    def call(self, visit: Visit) -> Call:
        """Who asks, under which id and until when. Raises InvalidRequest for a malformed `x-request-timeout`."""
        return Call(
            id=visit.request_id,
            caller=visit.caller,
            started=visit.started,
            deadline=visit.started + self._time_allowed(visit),
            trace=self._trace(visit),
        )

    async def body(self, visit: Visit, receive: Receive) -> bytes:
        """The whole body. Raises PayloadTooLarge, UnsupportedMediaType, BodyTooSlow, CallerLeft."""
        _refuse_media(visit)
        declared = visit.fields.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._limits.max_body:
            raise self._too_large()
        if visit.connection is not None and visit.connection.body_is_here:
            return await self._read(visit, receive)
        with deadline(self._clock, self._clock.now() + self._limits.body_timeout, _too_slow):
            return await self._read(visit, receive)

    async def _read(self, visit: Visit, receive: Receive) -> bytes:
        parts, left, more = [], self._limits.max_body, True
        while more:
            message: Any = await receive()
            if message["type"] == "http.disconnect":
                raise CallerLeft("The caller left before the request was complete.")
            if visit.connection is not None and visit.connection.fault is not None:
                raise visit.connection.fault
            part: bytes = message.get("body", b"")
            left -= len(part)
            if left < 0:
                raise self._too_large()
            parts.append(part)
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The request's body is larger than {self._limits.max_body} bytes.")

    def _time_allowed(self, visit: Visit) -> float:
        given = visit.header(b"x-request-timeout")
        if given is None:
            return self._limits.request_timeout
        try:
            seconds = float(given)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            raise InvalidRequest("The header must be a number of seconds.", param="x-request-timeout")
        return min(seconds, self._limits.request_timeout)

    def _trace(self, visit: Visit) -> Trace | None:
        given = visit.header(b"traceparent")
        match = None if given is None else _TRACEPARENT.fullmatch(given)
        if match is None:
            if not self._limits.tracing:
                return None
            return Trace(trace_id=self._random_hex(16), span_id=self._random_hex(8))
        trace_id, parent, flags = match.groups()
        sampled = bool(int(flags, 16) & 1)
        if not self._limits.tracing:  # nobody would ever see a span of ours: the caller's stays the parent
            return Trace(trace_id=trace_id, span_id=parent, sampled=sampled)
        return Trace(trace_id=trace_id, span_id=self._random_hex(8), parent_id=parent, sampled=sampled)


def _refuse_media(visit: Visit) -> None:
    content = visit.header(b"content-type") or ""
    if content != _JSON:
        kind, _, parameters = content.partition(";")
        charset = parameters.strip().lower().removeprefix("charset=").strip('"')
        if kind.strip().lower() != _JSON or charset not in ("", "utf-8"):
            raise UnsupportedMediaType("The body must be application/json in UTF-8.", param="content-type")
    if (visit.header(b"content-encoding") or "identity").lower() != "identity":
        raise UnsupportedMediaType("The body must not be compressed.", param="content-encoding")


def _too_slow() -> BodyTooSlow:
    return BodyTooSlow("The request's body took too long to come.")
