"""Embedding answers: one vector for each input, or none at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.litellm.surface import LiteLLM
from adapters.dialects.openai.vectors import decode_embeddings, pack, unpack
from adapters.embedding_provider.litellm import LiteLLMEmbeddings
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.completion import Provenance
from domain.model.embedding import EmbeddingParameters, EmbeddingRequest, Embeddings, EncodingFormat
from domain.model.errors import UpstreamInvalid
from domain.model.limits import UpstreamLimits
from support.fuzz.in_process import CannedHttp, Upstream

ORIGIN = Provenance(provider="p", model="asked")
ONE, TWO = "AACAPw==", "AAAAQA=="  # 1.0 and 2.0
NOT_FINITE = ("AADAfw==", "AACAfw==", "AACA/w==", "AADA/w==")
CALL = Call(id="r", caller="c", started=0.0, deadline=60.0)
LARGE = 3.4028234663852886e38


def decode(items: list[Any], inputs: int, encoding: EncodingFormat = "float") -> Embeddings:
    return decode_embeddings(json.dumps({"data": items}).encode(), ORIGIN, encoding, inputs)


def vector(index: int | None, numbers: Any) -> dict[str, Any]:
    return {"index": index, "embedding": numbers}


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_vectors_survive_packing(numbers: list[float]) -> None:
    assert list(unpack(pack(numbers))) == numbers


@pytest.mark.parametrize("bad", ["", "not base64!", "AAA=", "AAAAAAA=", "AACAPw==\n", "==", "\u00e9", *NOT_FINITE])
def test_a_malformed_packed_vector_is_invalid_whatever_was_asked_for(bad: str) -> None:
    with pytest.raises(UpstreamInvalid):
        unpack(bad)
    for encoding in ("float", "base64"):
        with pytest.raises(UpstreamInvalid):
            decode([vector(0, bad)], 1, encoding)


@pytest.mark.parametrize("numbers", [[LARGE, -LARGE], [1e-45], [-0.0], [LARGE] * 3])
def test_the_largest_and_smallest_numbers_are_numbers(numbers: list[float]) -> None:
    packed = pack(numbers)
    assert decode([vector(0, packed)], 1, "base64").vectors[0].vector == packed
    assert len(decode([vector(0, packed)], 1).vectors[0].vector) == len(numbers)


def test_numbers_whose_sum_is_too_large_are_numbers() -> None:
    assert decode([vector(0, [1e308, 1e308])], 1).vectors[0].vector == (1e308, 1e308)
    with pytest.raises(UpstreamInvalid):
        decode([vector(0, [1e308])], 1, "base64")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data":[]}', b'{"data":null}', b'{"data":[{"embedding":[1e400]}]}'])
def test_what_holds_no_embedding_is_invalid(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        decode_embeddings(body, ORIGIN, "float", 1)


@pytest.mark.parametrize(
    ("items", "inputs"),
    [
        ([vector(0, [1.0])], 2),
        ([vector(0, [1.0]), vector(1, [1.0])], 1),
        ([vector(0, [1.0]), vector(0, [1.0])], 2),
        ([vector(0, [1.0]), vector(0, [1.0]), vector(1, [1.0])], 2),
        ([vector(0, [1.0]), vector(2, [1.0])], 2),
        ([vector(1, [1.0]), vector(2, [1.0])], 2),
        ([vector(-1, [1.0])], 1),
        ([vector(0, [1.0]), vector(None, [1.0])], 2),
        ([vector(None, [1.0])], 2),
        ([vector(0, [1.0]), vector(1, [1.0, 2.0])], 2),
        ([vector(0, ONE), vector(1, [1.0, 2.0])], 2),
        ([vector(0, [])], 1),
        ([vector(0, None)], 1),
        ([vector(0, "x")], 1),
        ([vector(0, [None])], 1),
    ],
)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_what_is_not_one_vector_for_each_input_is_invalid(
    items: list[Any], inputs: int, encoding: EncodingFormat
) -> None:
    with pytest.raises(UpstreamInvalid):
        decode(items, inputs, encoding)


@pytest.mark.parametrize("items", [[vector(1, [2.0]), vector(0, [1.0])], [vector(0, ONE), vector(1, TWO)]])
def test_embeddings_come_in_the_order_of_their_indexes(items: list[Any]) -> None:
    found = decode(items, 2).vectors
    assert [(item.index, item.vector) for item in found] == [(0, (1.0,)), (1, (2.0,))]
    assert [item.vector for item in decode(items, 2, "base64").vectors] == [ONE, TWO]


def test_embeddings_without_indexes_stand_in_the_order_of_the_inputs() -> None:
    found = decode([{"embedding": [2.0]}, vector(None, [1.0])], 2).vectors
    assert [(item.index, item.vector) for item in found] == [(0, (2.0,)), (1, (1.0,))]


async def embed(asked: Any, body: bytes) -> Embeddings:
    upstream = CannedHttp(lambda _request: Upstream(headers={}, pieces=[body]))
    provider = LiteLLMEmbeddings(LiteLLM("http://upstream.test", None), upstream, UpstreamLimits())
    request = EmbeddingRequest("m", EmbeddingParameters(input=asked))
    return await provider.embed(request, Deployment("litellm", "m"), CALL)


@pytest.mark.parametrize(
    ("asked", "inputs"),
    [("a", 1), (["a"], 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2, 3]], 2), (["a", [1], "b"], 3)],
)
async def test_a_list_of_nothing_but_token_ids_is_one_input(asked: Any, inputs: int) -> None:
    for count in range(1, 5):
        body = json.dumps({"data": [vector(index, [0.5]) for index in range(count)]}).encode()
        if count == inputs:
            assert len((await embed(asked, body)).vectors) == inputs
        else:
            with pytest.raises(UpstreamInvalid, match="one embedding for each"):
                await embed(asked, body)


async def test_embeddings_of_too_much_structure_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(UpstreamInvalid, match="structure"):
        await embed("a", b'{"x":' + b"[" * 200_000 + b'],"data":[{"embedding":[0.5]}]}')
