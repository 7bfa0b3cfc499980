"""Fake embeddings: unit vectors that are always the same, in both encodings."""

import asyncio
import math
import struct
from base64 import b64decode
from typing import Any

import msgspec
import pytest

from adapters.chat_provider.fake.models import MODELS
from adapters.embedding_provider.fake import FakeEmbeddingProvider
from domain.model import errors
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.embedding import EmbeddingParameters, EmbeddingRequest, Embeddings
from ports.embedding_provider import EmbeddingProvider
from support.manual_clock import ManualClock

CALL = Call(id="call", caller="test", started=0.0, deadline=1e9)
AT_ONCE = [
    model.name
    for model in MODELS
    if model.failure is not None and model.failure.where == "start" and model.failure.error is not None
]


async def embedded(
    given: Any, model: str = "embedding", clock: ManualClock | None = None, **fields: Any
) -> Embeddings:
    provider: EmbeddingProvider = FakeEmbeddingProvider(clock or ManualClock())
    parameters = msgspec.convert({"input": given, **fields}, EmbeddingParameters)
    return await provider.embed(EmbeddingRequest("test", parameters), Deployment("fake", model), CALL)


def numbers(answer: Embeddings, index: int = 0) -> tuple[float, ...]:
    vector = answer.vectors[index].vector
    assert isinstance(vector, tuple)
    return vector


async def test_a_text_becomes_the_same_unit_vector_every_time() -> None:
    first, again = await embedded("two words"), await embedded("two words")
    assert first == again
    assert len(numbers(first)) == 256
    assert math.hypot(*numbers(first)) == pytest.approx(1.0, abs=1e-6)
    assert first.model == first.provenance.model == "fake/embedding"
    assert first.usage.input_tokens == first.usage.total_tokens == 2


async def test_every_input_has_its_own_vector_in_order() -> None:
    answer = await embedded(["a", "b", "a"])
    assert [vector.index for vector in answer.vectors] == [0, 1, 2]
    assert numbers(answer, 0) == numbers(answer, 2) != numbers(answer, 1)
    assert numbers(answer, 1) == numbers(await embedded("b"))


@pytest.mark.parametrize("dimensions", [1, 3, 1536, 4096])
async def test_both_encodings_hold_the_same_numbers(dimensions: int) -> None:
    answer = await embedded("text", dimensions=dimensions)
    encoded = (await embedded("text", dimensions=dimensions, encoding_format="base64")).vectors[0].vector
    assert isinstance(encoded, str)
    assert struct.unpack(f"<{dimensions}f", b64decode(encoded)) == numbers(answer)
    assert math.hypot(*numbers(answer)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("given", "vectors", "tokens"), [([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3), (["a b", [1, 2]], 2, 4)]
)
async def test_token_ids_are_counted_as_they_are(given: Any, vectors: int, tokens: int) -> None:
    answer = await embedded(given)
    assert (len(answer.vectors), answer.usage.input_tokens) == (vectors, tokens)


@pytest.mark.parametrize(
    ("fields", "param"), [({"given": [1, "a"]}, "input"), ({"given": "a", "dimensions": 4097}, "dimensions")]
)
async def test_what_cannot_be_embedded_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        await embedded(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("model", AT_ONCE)
async def test_models_that_fail_at_once_fail_here_too(model: str) -> None:
    with pytest.raises(errors.GatewayError):
        await embedded("a", model)


async def test_a_model_that_hangs_can_be_left() -> None:
    clock = ManualClock()
    async with asyncio.timeout(5):
        task = asyncio.create_task(embedded("a", "hang", clock))
        await clock.until_sleeping()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert clock.sleepers == 0


async def test_a_chat_model_does_not_embed_and_an_unknown_one_gets_the_nearest() -> None:
    with pytest.raises(errors.InvalidRequest):
        await embedded("a", "echo")
    with pytest.raises(errors.UnknownModel) as caught:
        await embedded("a", "embeding")
    assert caught.value.nearest[0] == "fake/embedding"
