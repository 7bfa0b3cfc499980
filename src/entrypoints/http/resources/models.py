"""GET /v1/models, /v1/models/{id} and /v1/llm/models."""

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import ASGIApp

from domain.model.catalogue import ModelCard
from domain.model.errors import UnknownModel
from domain.use_cases.list_models import ListModels
from entrypoints.http.intake.reception import Reception
from entrypoints.http.openai_wire import LLMModel, LLMModelList, Model, ModelList
from entrypoints.http.openapi import answers
from entrypoints.http.scope import visit_of
from entrypoints.http.sending.answers import encode, model
from entrypoints.http.sending.departure import while_caller_stays
from entrypoints.http.sending.whole_answer import WholeAnswer

AnyRequest = Request[Any, Any, Any]
_LONGEST_ECHO = 64


def model_routes(list_models: ListModels, reception: Reception) -> list[HTTPRouteHandler]:
    """The handlers, over a use case that was resolved at start-up."""
    options: dict[str, Any] = {"operation": "models", "tags": ["models"]}

    async def cards(request: AnyRequest) -> tuple[ModelCard, ...]:
        visit = visit_of(request.scope)
        call = reception.call(visit)
        visit.handed_over = True
        with while_caller_stays(visit, request.receive):
            return await list_models(call)

    def answer(request: AnyRequest, body: bytes) -> ASGIApp:
        return WholeAnswer(body, [(b"x-request-id", visit_of(request.scope).request_id.encode())])

    @get("/models", responses=answers(ModelList), summary="List models in OpenAI's shape", **options)
    async def openai_models(request: AnyRequest) -> ASGIApp:
        found = [model(card) for card in await cards(request)]
        return answer(request, encode(ModelList(data=found)))

    @get(
        "/models/{model_id:path}", responses=answers(Model), summary="Show one model; ids may have slashes", **options
    )
    async def openai_model(request: AnyRequest, model_id: FromPath[str]) -> ASGIApp:
        wanted = model_id.removeprefix("/")
        for card in await cards(request):
            if card.id == wanted:
                return answer(request, encode(model(card)))
        raise UnknownModel(f"The model '{wanted[:_LONGEST_ECHO]}' does not exist here.")

    @get("/llm/models", responses=answers(LLMModelList), summary="List models with what they can do", **options)
    async def llm_models(request: AnyRequest) -> ASGIApp:
        found = [
            LLMModel(id=card.id, provider=card.provider, capabilities=card.capabilities)
            for card in await cards(request)
        ]
        return answer(request, encode(LLMModelList(found)))

    return [openai_models, openai_model, llm_models]
