"""Embeddings that mean nothing but are always the same: unit vectors drawn from a hash of each input."""

import math
import struct
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256, shake_256

from typing_extensions import override

from adapters.chat_provider.fake import words
from adapters.chat_provider.fake.failures import fail
from adapters.chat_provider.fake.models import PROVIDER, embedding_model
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.completion import Provenance
from domain.model.embedding import Embedding, EmbeddingParameters, EmbeddingRequest, Embeddings
from domain.model.errors import InvalidRequest
from domain.model.usage import Usage
from ports.clock import Clock
from ports.embedding_provider import EmbeddingProvider

_DIMENSIONS = 256
_MOST_DIMENSIONS = 4_096

_Input = str | Sequence[int]


class FakeEmbeddingProvider(EmbeddingProvider):
    """Embeds without anybody being asked. Equal inputs have equal vectors, others have unrelated ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @override
    async def embed(self, request: EmbeddingRequest, deployment: Deployment, call: Call) -> Embeddings:
        """See ports.embedding_provider. Usage counts words, and token ids as they are."""
        model = embedding_model(deployment.model)
        if model.failure is not None:
            await fail(model.failure, self._clock)
        parameters = request.parameters
        inputs = _inputs(parameters)
        dimensions = _dimensions(parameters)
        vectors = (_vector(text, dimensions) for text in inputs)
        in_base64 = parameters.encoding == "base64"
        return Embeddings(
            model=model.full_name,
            vectors=tuple(
                Embedding(index, b64encode(vector).decode() if in_base64 else _numbers(vector))
                for index, vector in enumerate(vectors)
            ),
            usage=Usage(input_tokens=sum(_size(text) for text in inputs), output_tokens=0),
            provenance=Provenance(provider=PROVIDER, model=model.full_name),
        )


def _inputs(parameters: EmbeddingParameters) -> list[_Input]:
    given = parameters.input
    if isinstance(given, str):
        return [given]
    tokens = [item for item in given if isinstance(item, int)]
    if not tokens:
        return [item for item in given if not isinstance(item, int)]
    if len(tokens) < len(given):
        raise InvalidRequest("Token ids cannot be mixed with texts or lists.", param="input")
    return [tokens]  # a list of token ids is one input


def _dimensions(parameters: EmbeddingParameters) -> int:
    wanted = parameters.dimensions
    if not isinstance(wanted, int):
        return _DIMENSIONS
    if wanted > _MOST_DIMENSIONS:
        raise InvalidRequest(f"The fake model has at most {_MOST_DIMENSIONS} dimensions.", param="dimensions")
    return wanted


def _size(text: _Input) -> int:
    return words.count(text) if isinstance(text, str) else len(text)


def _vector(text: _Input, dimensions: int) -> bytes:
    """A vector of length 1 as little-endian float32, so that both encodings hold the very same numbers."""
    name = text if isinstance(text, str) else "tokens " + " ".join(map(str, text))
    drawn = shake_256(sha256(name.encode()).digest()).digest(4 * dimensions)
    # The half keeps every number, and so the length, from being 0.
    numbers = [number + 0.5 for number in struct.unpack(f"<{dimensions}i", drawn)]
    length = math.hypot(*numbers)
    return struct.pack(f"<{dimensions}f", *(number / length for number in numbers))


def _numbers(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 4}f", vector)
