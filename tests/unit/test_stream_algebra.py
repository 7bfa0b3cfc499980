"""A completion can be split into chunks and chunks folded into a completion: one undoes the other."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.model.completion import Completion
from domain.model.errors import UpstreamTruncated
from domain.model.stream import Chunk, Delta, fold, split
from support.builders import ChunkFactory, ProvenanceFactory, completions


@given(completions())
def test_folding_what_was_split_gives_the_same(completion: Completion) -> None:
    assert fold(split(completion), completion.provenance) == completion


def cut_text(chunk: Chunk, at: int) -> list[Chunk]:
    """The chunk's first text in two chunks."""
    for delta in chunk.deltas:
        text = delta.content
        if text:
            parts = (text[:at], text[at:])
            return [replace(chunk, deltas=(Delta(index=delta.index, content=part),)) for part in parts]
    return [chunk]


@given(completions(), st.integers(0, 20))
def test_how_text_is_cut_does_not_matter(completion: Completion, at: int) -> None:
    chunks = [part for chunk in split(completion) for part in cut_text(chunk, at)]
    assert fold(chunks, completion.provenance) == completion


@given(completions(), st.randoms(use_true_random=False))
def test_how_choices_interleave_does_not_matter(completion: Completion, chance: random.Random) -> None:
    whole = split(completion)
    usage = [chunk for chunk in whole if not chunk.deltas]
    queues = [
        [chunk for chunk in whole if chunk.deltas and chunk.deltas[0].index == choice.index]
        for choice in completion.choices
    ]
    mixed = []
    while any(queues):
        mixed.append(chance.choice([queue for queue in queues if queue]).pop(0))
    assert fold([*mixed, *usage], completion.provenance) == completion


@given(completions())
def test_without_a_finish_reason_it_is_truncated(completion: Completion) -> None:
    last = completion.choices[-1].index
    cut = [
        chunk
        for chunk in split(completion)
        if not any(delta.index == last and delta.finish_reason for delta in chunk.deltas)
    ]
    with pytest.raises(UpstreamTruncated):
        fold(cut, completion.provenance)


@pytest.mark.parametrize("chunks", [[], [ChunkFactory.build()]])
def test_nothing_is_truncated(chunks: list[Chunk]) -> None:
    with pytest.raises(UpstreamTruncated):
        fold(chunks, ProvenanceFactory.build())
