"""Our requests as OpenAI-style bodies: the caller's own document with our few edits, or one made from the values."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from domain.model.chat import ChatRequest
from domain.model.document import Document
from domain.model.embedding import EmbeddingRequest

DIALECT = "openai"
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ENCODER = msgspec.json.Encoder()
_TRUE = Raw(b"true")
_USAGE_WANTED = Raw(b'{"include_usage":true}')
_NULL = b"null"


def chat_body(request: ChatRequest, model: str, *, stream: bool) -> bytes:
    """The body for one attempt. A stream always asks for usage: accounting needs it even if the caller does not."""
    fields = _members(request.document, request.parameters)
    fields["model"] = Raw(_ENCODER.encode(model))
    if stream:
        fields["stream"] = _TRUE
        fields["stream_options"] = _stream_options(fields.get("stream_options"))
    else:
        fields.pop("stream", None)
        fields.pop("stream_options", None)
    return _ENCODER.encode(fields)


def embedding_body(request: EmbeddingRequest, model: str) -> bytes:
    """The body for one attempt."""
    fields = _members(request.document, request.parameters)
    fields["model"] = Raw(_ENCODER.encode(model))
    return _ENCODER.encode(fields)


def _members(document: Document | None, parameters: msgspec.Struct) -> dict[str, Raw]:
    if document is not None and document.dialect == DIALECT:
        return dict(document.fields)
    return _FIELDS.decode(_ENCODER.encode(parameters))


def _stream_options(given: Raw | None) -> Raw:
    if given is None or bytes(given) == _NULL:
        return _USAGE_WANTED
    options: Mapping[str, Raw] = _FIELDS.decode(given)
    return Raw(_ENCODER.encode({**options, "include_usage": _TRUE}))
