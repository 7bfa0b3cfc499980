"""The outermost ASGI layer: what no request may be, its id, and a short way for the routes that must be cheap."""

import re
from collections.abc import Callable, Mapping

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from domain.model.errors import GatewayError, InvalidRequest
from entrypoints.http.errors import ErrorBorder, HeadersTooLarge, UriTooLong
from entrypoints.http.scope import Visit, connection_of, put_visit, sane_id
from ports.clock import Clock

_MOST_HEADERS = 100
_MOST_HEADER_BYTES = 64 * 1024
_MOST_TARGET_BYTES = 8 * 1024
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+")  # RFC 3986 3.2.2 and a port
_VERSIONS = {"1.1": b"", "1.0": b"none"}  # and the host of a request without one
_ONCE = frozenset({b"host", b"authorization", b"x-internal-auth", b"content-type", b"content-length"})


class FrontDoor:
    """Wraps the application. `new_id` gives a fresh request id.

    `lanes` are applications by method and exact path. Litestar has these routes, too: it declares them, and answers
    under any other spelling of the path. What it does for a request beyond that is not needed here, and is not cheap.
    """

    def __init__(
        self,
        app: ASGIApp,
        lanes: Mapping[tuple[str, str], ASGIApp],
        border: ErrorBorder,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._app = app
        self._lanes = lanes
        self._border = border
        self._clock = clock
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = list(scope["headers"])
        fields = dict(headers)
        given = fields.get(b"x-request-id")
        request_id = (sane_id(given) if given is not None else None) or self._new_id()
        visit = Visit(request_id, self._clock.now(), fields, connection_of(scope))
        put_visit(scope, visit)
        fault = _fault(scope, headers, fields)
        if fault is not None:
            await self._border.tell(visit, "other", fault, send)
            return
        way = self._lanes.get((scope["method"], scope["path"]), self._app)
        await way(scope, receive, send)


def _fault(scope: Scope, headers: list[tuple[bytes, bytes]], fields: dict[bytes, bytes]) -> GatewayError | None:
    if len(headers) > _MOST_HEADERS or _size(headers) > _MOST_HEADER_BYTES:
        return HeadersTooLarge("The request's headers are too large.")
    if len(scope["raw_path"] or b"") + len(scope["query_string"]) > _MOST_TARGET_BYTES:
        return UriTooLong("The request's address is too long.")
    if len(fields) < len(headers):
        names = [name for name, _ in headers]
        for name in _ONCE:
            if names.count(name) > 1:
                return InvalidRequest("The header is there twice.", param=name.decode())
    return _foreign(scope["http_version"], fields)


def _foreign(version: str, fields: dict[bytes, bytes]) -> GatewayError | None:
    if version not in _VERSIONS:
        return InvalidRequest("This is not a request of HTTP/1.1.")
    if fields.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return InvalidRequest("The body must not be in any coding.", param="transfer-encoding")
    # RFC 9112 3.2: a request without a host, or with one that is none, could mean anybody.
    if not _HOST.fullmatch(fields.get(b"host", _VERSIONS[version])):
        return InvalidRequest("The header must name one host.", param="host")
    return None


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) for name, value in headers])
