"""Domain values made at random, and strategies for Hypothesis over the same ground."""

from typing import get_args

from hypothesis import strategies as st
from polyfactory.factories.msgspec_factory import MsgspecFactory

from domain.model.call import Call, Settlement
from domain.model.chat import CustomCall, FunctionCall, ToolCall
from domain.model.completion import Choice, Completion, FinishReason, Provenance, Reply
from domain.model.stream import Chunk
from domain.model.usage import UNKNOWN_USAGE, Usage


class CallFactory(MsgspecFactory[Call]):
    """A call of nobody in particular."""

    __random_seed__ = 1
    trace = None


class SettlementFactory(MsgspecFactory[Settlement]):
    """An ending of it."""

    __random_seed__ = 1
    call = CallFactory
    cost = None
    deployment = None


class ProvenanceFactory(MsgspecFactory[Provenance]):
    """A place where answers come from."""

    __random_seed__ = 1
    cost = None


class ChunkFactory(MsgspecFactory[Chunk]):
    """A chunk that says nothing."""

    __random_seed__ = 1
    deltas = ()
    usage = None
    carried = None


texts = st.none() | st.text(max_size=20)
names = st.text(min_size=1, max_size=8)
function_calls = st.builds(FunctionCall, name=names, arguments=st.text(max_size=20))
custom_calls = st.builds(CustomCall, name=names, input=st.text(max_size=20))
tool_calls = st.one_of(
    st.builds(lambda id_, call: ToolCall(id=id_, function=call), names, function_calls),
    st.builds(lambda id_, call: ToolCall(id=id_, type="custom", custom=call), names, custom_calls),
)
replies = st.builds(
    Reply,
    content=texts,
    refusal=texts,
    reasoning=texts,
    tool_calls=st.lists(tool_calls, max_size=3).map(tuple),
    function_call=st.none() | function_calls,
)
counts = st.none() | st.integers(0, 10**6)
usages = st.just(UNKNOWN_USAGE) | st.builds(
    Usage, input_tokens=counts, output_tokens=counts, cached_tokens=counts, reasoning_tokens=counts
)


@st.composite
def completions(draw: st.DrawFn) -> Completion:
    """Any completion that carries no document."""
    indexes = sorted(draw(st.sets(st.integers(0, 5), min_size=1, max_size=3)))
    reasons: st.SearchStrategy[FinishReason] = st.sampled_from(sorted(get_args(FinishReason)))
    return Completion(
        id=draw(names),
        created=draw(st.integers(0, 2**31)),
        model=draw(names),
        choices=tuple(Choice(index=index, reply=draw(replies), finish_reason=draw(reasons)) for index in indexes),
        usage=draw(usages),
        provenance=ProvenanceFactory.build(),
        system_fingerprint=draw(st.none() | names),
        service_tier=draw(st.none() | names),
    )
