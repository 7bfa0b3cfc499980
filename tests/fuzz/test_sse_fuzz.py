"""The event-stream decoder against two readers that are not ours, for any bytes and any cut.

tests/unit/test_sse_decoder.py has the examples and the bounds. Where we deviate from the specification and from
OpenAI's client, and what is compared therefore, is said in support/fuzz/sse_seeds.py.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.wire.sse import SseEvent
from support.fuzz.sse_reading import BOM, Read, read_stream
from support.fuzz.sse_seeds import by_openai, by_the_specification, cut, decode, encode, faults_of

EXAMPLES = settings(max_examples=300, deadline=None, database=None, derandomize=True)
ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12).map(str.encode)
names = st.sampled_from([b"data", b"event", b"id", b"retry", b"", b"error", b"Data", b"data "]) | texts
gaps = st.sampled_from([b":", b": ", b":  ", b"", b" :"])
lines = st.builds(lambda *parts: b"".join(parts), names, gaps, texts) | st.just(b"")
streams = st.builds(
    lambda mark, rows, rest: mark + b"".join(line + end for line, end in rows) + rest,
    st.sampled_from([b"", b"", BOM, BOM + BOM, BOM[:2]]),
    st.lists(st.tuples(lines, ends), max_size=14),
    lines | st.binary(max_size=6),
)
cuts = st.lists(st.integers(0, 1_000), max_size=12)


@EXAMPLES
@given(streams | st.binary(max_size=80), cuts)
def test_any_cut_of_any_stream_reads_as_the_specification_and_openais_client_read_it(
    text: bytes, at: list[int]
) -> None:
    assert faults_of(text, cut(text, at)) == []


@EXAMPLES
@given(streams, ends)
def test_the_kind_of_line_end_does_not_matter(text: bytes, end: bytes) -> None:
    plain = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert decode([plain.replace(b"\n", end)]) == decode([text])


fields = texts.filter(lambda name: b":" not in name and name not in (b"data", b"event", b"id", b"retry", b""))
events = st.builds(
    SseEvent,
    data=st.lists(texts, min_size=1, max_size=4).map(b"\n".join),
    name=st.none() | texts,
    unknown=st.lists(st.tuples(fields, texts), max_size=2).map(tuple),
)


@EXAMPLES
@given(st.lists(events, max_size=5), cuts)
def test_what_was_encoded_comes_back(said: list[SseEvent], at: list[int]) -> None:
    assert decode(cut(encode(said), at)) == said


DEVIATIONS: list[tuple[str, bytes, Callable[[bytes], Any], Any, list[SseEvent]]] = [
    ("the last event without its blank line", b"data: a\n\ndata: b", lambda text: [event.data for event in read_stream(text).events], [b"a"], [SseEvent(b"a"), SseEvent(b"b")]),
    ("an event of an unknown field alone", b"error: x\n\n", by_openai, [], [SseEvent(b"", None, ((b"error", b"x"),))]),
    ("an event of an id alone", b"id: 1\nretry: 2\n\n", by_openai, [], []),
    ("a mark at the start", BOM + b"data: a\n\n", by_openai, [], [SseEvent(b"a")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "other", "theirs", "ours"), [row[1:] for row in DEVIATIONS], ids=[row[0] for row in DEVIATIONS]
)
def test_where_we_deviate(text: bytes, other: Callable[[bytes], Any], theirs: Any, ours: list[SseEvent]) -> None:
    assert other(text) == theirs
    assert decode([text]) == ours


def test_the_plain_reader_reads_what_the_specification_gives_as_examples() -> None:
    """The four streams of its chapter on interpreting an event stream."""
    assert read_stream(b"data: YHOO\ndata: +2\ndata: 10\n\n").events == [Read(b"YHOO\n+2\n10")]
    second = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"
    assert read_stream(second).events == [Read(b"first event"), Read(b"second event")]
    assert read_stream(second).rest == Read(b" third event")
    assert read_stream(b"data\n\ndata\ndata\n\ndata:").events == [Read(b""), Read(b"\n")]
    assert read_stream(b"data:test\n\ndata: test\n\n").events == [Read(b"test"), Read(b"test")]


def test_two_readers_that_differ_would_be_noticed() -> None:
    text = b"data: a\n\nevent: e\ndata: b\n\n"
    assert by_the_specification(text) == [SseEvent(b"a"), SseEvent(b"b", b"e")]
    assert by_openai(text) == [("a", None), ("b", "e")]
    assert by_the_specification(text) != decode([text.replace(b"\n\n", b"\n")])
