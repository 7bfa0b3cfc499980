"""The HTTP application: resources, who may call them, and where errors end."""

import gc
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Response, Router, get
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException

from entrypoints.container import Container, close_container
from entrypoints.http.auth import KeyCheck
from entrypoints.http.errors import ErrorBorder
from entrypoints.http.front_door import FrontDoor
from entrypoints.http.intake.reception import Reception, ReceptionLimits
from entrypoints.http.intake.request_reader import RequestReader
from entrypoints.http.openapi import SECURITY, document_bodies, openapi_config
from entrypoints.http.resources.chat import ChatCompletions, chat_route
from entrypoints.http.resources.embeddings import EmbeddingVectors, embeddings_route
from entrypoints.http.resources.health import Readiness, health_routes
from entrypoints.http.resources.models import model_routes
from entrypoints.http.sending.stream_writer import StreamTimes
from entrypoints.http.serving.watchdog import Watchdog
from entrypoints.settings import Settings

_COLLECT_AFTER = 10_000  # objects more than there were; CPython says 700


def create_app(container: Container) -> FrontDoor:
    """The application. Everything it needs is resolved here, once; requests resolve nothing."""
    settings, clock = container.settings(), container.clock()
    readiness = Readiness(container.catalogs(), container.admission(), clock)
    border = ErrorBorder(clock, container.observer())
    keys = KeyCheck([key.reveal() for key in settings.internal_api_keys])
    reception = Reception(clock, _limits(settings, tracing=container.tracing()))
    reader = RequestReader(settings.max_json_depth, container.default_model(), container.default_embedding_model())
    times = StreamTimes(settings.keepalive_interval, settings.write_stall_timeout)
    chat = ChatCompletions(container.complete_chat(), container.stream_chat(), reception, reader, clock, times)
    embeddings = EmbeddingVectors(container.embed(), reception, reader, clock)
    api = Router(
        "/v1",
        middleware=[keys.before],
        security=SECURITY,
        route_handlers=[
            chat_route(chat),
            embeddings_route(embeddings),
            *model_routes(container.list_models(), reception),
        ],
    )
    app = Litestar(
        route_handlers=[api, *health_routes(settings.shown_version, readiness)],
        exception_handlers={HTTPException: border, Exception: border},
        lifespan=[_closing(container)],
        openapi_config=openapi_config(settings.shown_version),
        cors_config=CORSConfig(allow_origins=settings.cors_origins) if settings.cors_origins else None,
        request_max_body_size=settings.max_body_bytes,
        logging_config=None,
    )
    document_bodies(app)
    _serve_openapi_at_root(app)
    lanes = {  # not with CORS, whose headers are Litestar's
        ("POST", "/v1/chat/completions"): border.around(keys.before(chat), "chat"),
        ("POST", "/v1/embeddings"): border.around(keys.before(embeddings), "embeddings"),
    }
    return FrontDoor(app, {} if settings.cors_origins else lanes, border, clock, new_id=_new_id)


def _new_id() -> str:
    return f"{random.getrandbits(128):032x}"  # an id is no secret: no need to ask the system


def _limits(settings: Settings, *, tracing: bool) -> ReceptionLimits:
    return ReceptionLimits(
        request_timeout=settings.request_timeout,
        body_timeout=settings.client_body_timeout,
        max_body=settings.max_body_bytes,
        tracing=tracing,
    )


def _closing(container: Container) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncGenerator[None]:
        gc.freeze()  # what is alive now lives as long as the process: the collector need not look at it again
        gc.set_threshold(_COLLECT_AFTER)  # requests leave no circles behind, so it may come by less often
        watchdog = Watchdog(container.clock().now)
        watchdog.start()
        try:
            yield
        finally:
            watchdog.stop()  # first: closing may hold the loop for some seconds
            await close_container(container)

    return lifespan


def _serve_openapi_at_root(app: Litestar) -> None:
    document = app.openapi_schema.to_schema()

    @get("/openapi.json", include_in_schema=False)
    async def openapi_document() -> Response[dict[str, Any]]:
        return Response(document, media_type="application/vnd.oai.openapi+json")

    app.register(openapi_document)
