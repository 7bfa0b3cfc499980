"""How a costly route is served: declared to Litestar like any other, answered by an ASGI application of its own."""

from collections.abc import Callable

from litestar.types import ASGIApp


def answered_by(endpoint: ASGIApp) -> Callable[[ASGIApp], ASGIApp]:
    """The innermost middleware of a route: `endpoint` answers, and the handler below it is never called.

    Litestar finds the route, checks the key, catches errors and documents it all. What it would do between finding
    and calling a handler (make a request object, sort out arguments, make a response of the result) was a third of
    what an answer costs, and nothing of it is needed here.
    """

    def instead_of(app: ASGIApp) -> ASGIApp:  # noqa: ARG001 - the handler, which Litestar gives by this name
        return endpoint

    return instead_of
