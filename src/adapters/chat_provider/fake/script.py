"""A whole answer as the stream that a model would have sent: which chunks come together, and when."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

from msgspec.structs import replace

from adapters.chat_provider.fake import words
from adapters.chat_provider.fake.models import FakeModel, Pace
from domain.model.completion import Completion
from domain.model.stream import Chunk, Delta, ToolCallDelta, split
from ports.chat_provider import Batch

_LARGEST_BATCH = 16
_WORDS_BEFORE_FAILURE = 8


class Step(NamedTuple):
    """A batch, and when it comes: in seconds since the answer was accepted."""

    due: float
    batch: Batch


def steps(model: FakeModel, completion: Completion) -> Iterator[Step]:
    """The answer's stream; of a model that fails midway, the part before its failure.

    Made while it is read: the chunks of a huge answer are never all there at once.
    """
    chunks: Iterator[Chunk] = chain.from_iterable(_smaller(chunk) for chunk in split(completion))
    if model.failure is not None:
        chunks = islice(chunks, 1 + _WORDS_BEFORE_FAILURE)
    return _several(chunks) if model.pace is None else _timed(chunks, model.pace)


def duration(model: FakeModel, completion: Completion) -> float:
    """How long the answer's stream takes, in seconds."""
    return max(step.due for step in steps(model, completion))


def _several(chunks: Iterator[Chunk]) -> Iterator[Step]:
    """The first chunk alone, as real answers begin, then as many as come in one read."""
    yield Step(0.0, list(islice(chunks, 1)))
    while batch := list(islice(chunks, _LARGEST_BATCH)):
        yield Step(0.0, batch)


def _timed(chunks: Iterator[Chunk], pace: Pace) -> Iterator[Step]:
    due, wait = 0.0, pace.first
    for chunk in chunks:
        if any(delta.has_content for delta in chunk.deltas):
            due, wait = due + wait, pace.each
        yield Step(due, [chunk])


def _smaller(chunk: Chunk) -> Iterator[Chunk]:
    """The chunk in pieces as small as a model's: a word, or half of a call's arguments."""
    if not chunk.deltas:
        return iter((chunk,))
    return (replace(chunk, deltas=(piece,)) for delta in chunk.deltas for piece in _pieces(delta))


def _pieces(delta: Delta) -> Iterator[Delta]:
    for field in ("content", "refusal", "reasoning"):
        text = getattr(delta, field)
        if text:
            return (replace(delta, **{field: word}) for word in words.pieces(text))
    if delta.function_call is not None:
        return (replace(delta, function_call=half) for half in _halves(delta.function_call))
    if delta.tool_calls:
        return (replace(delta, tool_calls=(half,)) for call in delta.tool_calls for half in _halves(call))
    return iter((delta,))


def _halves(call: ToolCallDelta) -> tuple[ToolCallDelta, ...]:
    text = call.arguments
    middle = len(text) // 2
    if not middle:
        return (call,)
    rest = ToolCallDelta(index=call.index, arguments=text[middle:], custom=call.custom)
    return (replace(call, arguments=text[:middle]), rest)
