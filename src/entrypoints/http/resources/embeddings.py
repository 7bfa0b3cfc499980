"""POST /v1/embeddings."""

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from domain.model.embedding import EmbeddingParameters
from domain.use_cases.embed import Embed
from entrypoints.http.intake.reception import AnyRequest, Reception
from entrypoints.http.intake.request_reader import RequestReader
from entrypoints.http.openai_wire import EmbeddingList
from entrypoints.http.openapi import answers, takes
from entrypoints.http.sending.answers import embeddings_bytes
from entrypoints.http.sending.departure import while_caller_stays
from entrypoints.http.sending.headers import answer_headers
from entrypoints.http.sending.whole_answer import WholeAnswer
from ports.clock import Clock


def embeddings_route(embed: Embed, reception: Reception, reader: RequestReader, clock: Clock) -> HTTPRouteHandler:
    """The handler, over a use case that was resolved at start-up."""

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
    async def create_embedding(request: AnyRequest) -> ASGIApp:
        body = await reception.body(request)
        wanted, call = reader.embedding(body), reception.call(request)
        reception.hand_over(request)
        async with while_caller_stays(request.receive):
            embeddings = await embed(wanted, call)
        return WholeAnswer(embeddings_bytes(embeddings), answer_headers(call, embeddings.provenance, clock.now()))

    return create_embedding
