"""The outermost ASGI layer: header limits, the request's id, and a short way for the routes that must be cheap."""

from collections.abc import Callable, Mapping

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.errors import ErrorBorder, HeadersTooLarge
from entrypoints.http.scope import Visit, connection_of, put_visit, sane_id
from ports.clock import Clock

_MOST_HEADERS = 100
_MOST_HEADER_BYTES = 64 * 1024


class FrontDoor:
    """Wraps the application. `new_id` gives a fresh request id, `drain` shuts the door to new work.

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
        drain: Callable[[], None],
    ) -> None:
        self._app = app
        self._lanes = lanes
        self._border = border
        self.drain = drain
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
        if len(headers) > _MOST_HEADERS or _size(headers) > _MOST_HEADER_BYTES:
            await self._border.tell(visit, "other", HeadersTooLarge("The request's headers are too large."), send)
            return
        way = self._lanes.get((scope["method"], scope["path"]), self._app)
        await way(scope, receive, send)


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) for name, value in headers])
