"""POST /v1/embeddings."""

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from domain.model.embedding import EmbeddingParameters
from domain.use_cases.embed import Embed
from entrypoints.http.intake.reception import Reception
from entrypoints.http.intake.request_reader import RequestReader
from entrypoints.http.openai_wire import EmbeddingList
from entrypoints.http.openapi import answers, takes
from entrypoints.http.scope import visit_of
from entrypoints.http.sending.answers import embeddings_bytes
from entrypoints.http.sending.departure import while_caller_stays
from entrypoints.http.sending.headers import answer_headers
from entrypoints.http.sending.whole_answer import send_whole
from ports.clock import Clock


class EmbeddingVectors:
    """The ASGI application behind the route, over a use case that was resolved at start-up."""

    def __init__(self, embed: Embed, reception: Reception, reader: RequestReader, clock: Clock) -> None:
        self._embed = embed
        self._reception = reception
        self._reader = reader
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Raises GatewayError before anything was sent."""
        visit = visit_of(scope)
        body = await self._reception.body(visit, receive)
        wanted = await self._reader.embedding(body)
        call = self._reception.call(visit)
        visit.handed_over = True
        with while_caller_stays(visit, receive):
            embeddings = await self._embed(wanted, call)
        headers = answer_headers(call, embeddings.provenance, self._clock.now())
        await send_whole(send, embeddings_bytes(embeddings), headers)


def embeddings_route(endpoint: EmbeddingVectors) -> HTTPRouteHandler:
    """The route, and what the OpenAPI document says of it."""

    @post(
        "/embeddings",
        status_code=200,
        operation="embeddings",
        operation_class=takes(EmbeddingParameters),
        responses=answers(EmbeddingList),
        summary="Turn texts into vectors",
        description="OpenAI embeddings, as plain numbers or base64 of little-endian float32.",
        tags=["embeddings"],
    )
    async def create_embedding() -> ASGIApp:
        return endpoint

    return create_embedding
