"""The OpenAPI 3.1 document: bodies that are decoded by hand are described from the same structs that decode them."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from typing_extensions import override

from domain.model.chat import ChatParameters
from domain.model.embedding import EmbeddingParameters
from entrypoints.http import openai_wire as wire
from entrypoints.http.docs_page import StaticDocs

_REF = "#/components/schemas/{name}"
SECURITY: list[dict[str, list[str]]] = [{"BearerAuth": []}, {"InternalAuth": []}]
_DOCUMENTED = (
    ChatParameters,
    EmbeddingParameters,
    wire.ChatCompletion,
    wire.ChatCompletionChunk,
    wire.EmbeddingList,
    wire.ErrorEnvelope,
    wire.ModelList,
    wire.LLMModelList,
)
# OpenAPI 3.1 has no word for the events of a stream (3.2 has `itemSchema`, which 3.1 forbids), so `schema` describes
# each of them, as is usual, in the form that 3.2 gives an event: a chunk by itself would not be true of `[DONE]`.
_EVENT = {
    "type": "object",
    "description": "One event.",
    "required": ["data"],
    "properties": {
        "data": {
            "description": "A `ChatCompletionChunk`; in the last event `[DONE]` or, where it failed, an error.",
            "type": "string",
            "anyOf": [
                {"const": "[DONE]"},
                {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {
                        "anyOf": [
                            {"$ref": _REF.format(name=wire.ChatCompletionChunk.__name__)},
                            {"$ref": _REF.format(name=wire.ErrorEnvelope.__name__)},
                        ]
                    },
                },
            ],
        }
    },
}
_ERRORS = {
    400: "The request is at fault; `param` names the field.",
    401: "No key, or an unknown one.",
    404: "No such model.",
    408: "The body took too long to come.",
    413: "The body is too large.",
    415: "The body is not plain JSON.",
    429: "Too many requests, here or at the provider; see `retry-after`.",
    500: "An error of ours.",
    502: "The provider failed, or answered with something that is no answer.",
    503: "Shutting down, or nothing can answer.",
    504: "The provider, or all of it together, took too long.",
}


def takes(model: type[msgspec.Struct]) -> type[Operation]:
    """An operation whose JSON body is `model`. Where that can ask for a stream, the answer may be one."""

    @dataclass
    class Takes(Operation):
        def __post_init__(self) -> None:
            schema = Reference(ref=_REF.format(name=model.__name__))
            self.request_body = RequestBody(
                required=True, content={"application/json": OpenAPIMediaType(schema=schema)}
            )
            answer = (self.responses or {}).get("200")
            if "stream" in model.__struct_fields__ and isinstance(answer, OpenAPIResponse) and answer.content:
                answer.content["text/event-stream"] = OpenAPIMediaType(schema=_Given(given=_EVENT))

    return Takes


def answers(model: type[msgspec.Struct], *, streams: bool = False) -> dict[int, ResponseSpec]:
    """What an operation answers: `model`, or one of the errors."""
    description = "The answer; server-sent events when a stream was asked for." if streams else "The answer."
    specs = {200: ResponseSpec(data_container=model, description=description, generate_examples=False)}
    for status, meaning in _ERRORS.items():
        specs[status] = ResponseSpec(wire.ErrorEnvelope, description=meaning, generate_examples=False)
    return specs


def openapi_config(version: str) -> OpenAPIConfig:
    """The document's frame: title, both ways to show a key, and a page that needs no network."""
    return OpenAPIConfig(
        title="LLM Proxy",
        version=version,
        description="One OpenAI-compatible API between a team's programs and every language model.",
        path="/docs",
        render_plugins=[StaticDocs(path="/")],
        components=Components(
            security_schemes={
                "BearerAuth": SecurityScheme(type="http", scheme="bearer"),
                "InternalAuth": SecurityScheme(type="apiKey", name="X-Internal-Auth", security_scheme_in="header"),
            }
        ),
    )


@dataclass
class _Given(Schema):
    """A schema that msgspec wrote: it keeps bounds that Litestar's own drops."""

    given: dict[str, Any] | None = None

    @override
    def to_schema(self) -> dict[str, Any]:
        return dict(self.given or {})


def document_bodies(app: Litestar) -> None:
    """Put the structs' own schemas into the document; Litestar overwrites those of its configuration, hence here."""
    _, schemas = msgspec.json.schema_components(_DOCUMENTED, ref_template=_REF)
    components = app.openapi_schema.components
    components.schemas.update({name: _Given(given=schema) for name, schema in schemas.items()})
