"""The bodies callers send, as requests of the domain: one strict pass, and the caller's own document beside it."""

import msgspec
from msgspec import Raw

from domain.model.chat import ChatParameters, ChatRequest
from domain.model.document import Document
from domain.model.embedding import EmbeddingParameters, EmbeddingRequest
from domain.model.errors import InvalidRequest
from entrypoints.http.intake import strict_json
from entrypoints.http.intake.steering import refuse_steering

OPENAI = "openai"
"""The dialect of this API, by the name that documents and providers use for it."""

_CHAT = msgspec.json.Decoder(ChatParameters)
_EMBEDDING = msgspec.json.Decoder(EmbeddingParameters)


class RequestReader:
    """Reads bodies by this service's bounds. The defaults are for chats and embeddings that name no model."""

    def __init__(self, max_json_depth: int, default_chat: str | None, default_embedding: str | None) -> None:
        self._max_json_depth = max_json_depth
        self._default_chat = default_chat
        self._default_embedding = default_embedding

    async def chat(self, body: bytes) -> ChatRequest:
        """A chat completion request. Raises InvalidRequest."""
        fields = await self._fields(body)
        parameters = await strict_json.decode(_CHAT, body)
        return ChatRequest(_model(parameters.model, self._default_chat), parameters, Document(OPENAI, fields))

    async def embedding(self, body: bytes) -> EmbeddingRequest:
        """An embedding request. Raises InvalidRequest."""
        fields = await self._fields(body)
        parameters = await strict_json.decode(_EMBEDDING, body)
        return EmbeddingRequest(
            _model(parameters.model, self._default_embedding), parameters, Document(OPENAI, fields)
        )

    async def _fields(self, body: bytes) -> dict[str, Raw]:
        fields = await strict_json.members(body, self._max_json_depth)
        refuse_steering(fields)
        return fields


def _model(asked: object, default: str | None) -> str:
    if isinstance(asked, str):
        return asked
    if default is None:
        raise InvalidRequest("Missing required field 'model', and this service has no default.", param="model")
    return default
