"""Server-sent events survive every split, every kind of line end, and a provider that forgets the last blank line."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.sse import SseDecoder, SseEvent
from domain.model.errors import UpstreamInvalid

LIMIT = 1 << 20


def decode(*pieces: bytes) -> list[SseEvent]:
    decoder = SseDecoder(LIMIT)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def reference(text: bytes) -> list[SseEvent]:
    """The specification, read aloud, for a whole stream."""
    lines = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    found: list[SseEvent] = []
    data: list[bytes] = []
    unknown: list[tuple[bytes, bytes]] = []
    name: bytes | None = None
    for line in [*lines, b""]:
        if line == b"":
            if data or unknown:
                found.append(SseEvent(b"\n".join(data), name, tuple(unknown)))
            data, unknown, name = [], [], None
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value
            elif field not in (b"id", b"retry"):
                unknown.append((field, value))
    return found


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: a\n\n", [SseEvent(b"a")]),
        (b"data:a\r\rdata: b\r\n\r\n", [SseEvent(b"a"), SseEvent(b"b")]),
        (b"data: a\ndata:  b\n\n", [SseEvent(b"a\n b")]),
        (b": ping\n\ndata: a\n: more\n\n", [SseEvent(b"a")]),
        (b"event: error\nid: 7\nretry: 10\ndata: a\n\n", [SseEvent(b"a", b"error")]),
        (b"data\n\ndata\ndata\n\n", [SseEvent(b""), SseEvent(b"\n")]),
        (b"\xef\xbb\xbfdata: a\n\n", [SseEvent(b"a")]),
        (b"data: \xef\xbb\xbfa\n\n", [SseEvent(b"\xef\xbb\xbfa")]),
        (b"error: {}\n\n", [SseEvent(b"", None, ((b"error", b"{}"),))]),
        (b"data: the last one", [SseEvent(b"the last one")]),
        (b"data: a\n\ndata: b\n", [SseEvent(b"a"), SseEvent(b"b")]),
        (b"event: lonely\n\n", []),
        (b"data: a\xe2\x80\xa8b\n\n", [SseEvent(b"a\xe2\x80\xa8b")]),
        (b"\n\n\n", []),
        (b"", []),
    ],
)
def test_examples(text: bytes, events: list[SseEvent]) -> None:
    assert decode(text) == events
    assert decode(*(text[at : at + 1] for at in range(len(text)))) == events


SOUP = st.lists(
    st.sampled_from([b"data: x", b"data:", b"data", b"event: e", b": c", b"error: y", b"id: 1", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"\xff", b" ", b":"])
).map(b"".join)  # fmt: skip


@given(SOUP, st.lists(st.integers(0, 60), max_size=8))
def test_any_split_gives_what_the_specification_says(text: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert decode(*pieces) == decode(text) == reference(text)


@given(st.binary(max_size=200))
def test_any_bytes_at_all(text: bytes) -> None:
    assert decode(text) == reference(text)


@pytest.mark.parametrize("piece", [b"data: ", b"x" * 1000, b"data: 12345\n"])
def test_an_endless_event_is_refused_while_it_grows(piece: bytes) -> None:
    decoder = SseDecoder(10_000)
    with pytest.raises(UpstreamInvalid):
        for _ in range(100_000):
            decoder.feed(piece)


def test_many_events_may_be_more_than_the_limit_together() -> None:
    decoder = SseDecoder(100)
    assert sum(len(decoder.feed(b"data: 12345678\n\n")) for _ in range(1000)) == 1000


def test_a_long_line_in_single_bytes_is_put_together_once() -> None:
    line = b"data: " + b"x" * 300_000
    decoder = SseDecoder(LIMIT)
    for at in range(len(line)):
        assert decoder.feed(line[at : at + 1]) == []
    # One join of 300,000 bytes when the line ends, not one a byte: the pieces are only kept.
    assert len(decoder._partial) == len(line)
    assert decoder.feed(b"\n\n")[0].data == line[6:]


def test_comments_are_counted_as_signs_of_life() -> None:
    decoder = SseDecoder(LIMIT)
    decoder.feed(b": a\n: b\n\n")
    assert decoder.comments == 2


def test_good_events_before_one_that_is_too_large_are_not_lost() -> None:
    decoder = SseDecoder(100)
    assert decoder.feed(b"data: good\n\ndata: " + b"x" * 200) == [SseEvent(b"good")]
    with pytest.raises(UpstreamInvalid):
        decoder.feed(b"more")
    with pytest.raises(UpstreamInvalid):
        decoder.close()
