"""Embeddings: texts or tokens in, vectors out."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct

from domain.model.chat import Maybe, ModelName
from domain.model.completion import Provenance
from domain.model.document import Carried, Document
from domain.model.usage import UNKNOWN_USAGE, Usage

Tokens = Annotated[list[int], Meta(min_length=1)]
EncodingFormat = Literal["float", "base64"]


class EmbeddingParameters(Struct, frozen=True, kw_only=True):
    """What a caller can say. `input` is one text, one list of token ids, or up to 2048 of either."""

    input: (
        Annotated[str, Meta(min_length=1)]
        | Annotated[list[Annotated[str, Meta(min_length=1)] | int | Tokens], Meta(min_length=1, max_length=2048)]
    )
    model: ModelName | Maybe = UNSET
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | Maybe = UNSET
    encoding_format: EncodingFormat | Maybe = UNSET
    user: str | Maybe = UNSET

    @property
    def encoding(self) -> EncodingFormat:
        """How vectors are to be written; plain numbers unless asked otherwise."""
        return "base64" if self.encoding_format == "base64" else "float"


class EmbeddingRequest(Struct, frozen=True):
    """What to embed, and the words it was asked in."""

    model: str
    parameters: EmbeddingParameters
    document: Document | None = None


class Embedding(Struct, frozen=True):
    """One vector: plain numbers, or base64 of little-endian float32."""

    index: int
    vector: tuple[float, ...] | str


class Embeddings(Struct, frozen=True, kw_only=True):
    """One vector for each input, in the inputs' order."""

    model: str
    vectors: tuple[Embedding, ...]
    usage: Usage = UNKNOWN_USAGE
    provenance: Provenance
    carried: Carried | None = None
