"""GET /health, /health/live and /health/ready: no key needed, nothing secret told."""

from collections.abc import Sequence

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from domain.policies.admission import Admission
from entrypoints.http.openai_wire import Health
from ports.clock import Clock
from ports.model_catalog import ModelCatalog

_FRESH_S = 2.0


class Readiness:
    """Could a request be answered now? A provider is asked at most every two seconds, however many probes come."""

    def __init__(self, catalogs: Sequence[ModelCatalog], admission: Admission, clock: Clock) -> None:
        self._catalogs = catalogs
        self._admission = admission
        self._clock = clock
        self._asked_at: float | None = None
        self._troubles: list[str] = []

    async def reasons(self) -> list[str]:
        """Why not; nothing when it could."""
        if self._admission.retiring:
            return ["shutting down"]
        now = self._clock.now()
        if self._asked_at is None or now - self._asked_at >= _FRESH_S:
            self._asked_at = now
            found = [await catalog.trouble() for catalog in self._catalogs]
            # One provider that can answer is enough to be ready.
            self._troubles = [] if None in found else [trouble for trouble in found if trouble is not None]
        return self._troubles


def health_routes(version: str, readiness: Readiness) -> list[HTTPRouteHandler]:
    """The handlers."""

    @get("/health", summary="Is it there, and which version", tags=["health"])
    async def health() -> Response[Health]:
        return Response(Health(status="ok", version=version))

    @get("/health/live", summary="Is the process alive", tags=["health"])
    async def live() -> Response[Health]:
        return Response(Health(status="ok"))

    @get("/health/ready", summary="Can it answer", description="503 with reasons while it cannot.", tags=["health"])
    async def ready() -> Response[Health]:
        reasons = await readiness.reasons()
        if reasons:
            return Response(Health(status="unavailable", reasons=reasons), status_code=503)
        return Response(Health(status="ok"))

    return [health, live, ready]
