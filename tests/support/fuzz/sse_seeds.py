"""Seeds of event streams: however they are cut, we read what the specification says, and what OpenAI's client reads.

Where we deviate, on purpose, and what is compared therefore:
- an event whose blank line is missing at the end counts for us, the specification and OpenAI's client drop it;
- fields that the specification ignores are kept, and an event of nothing else is one;
- the byte order mark at the very start is dropped, as the specification says; OpenAI's client takes it for data;
- `id` and `retry` mean nothing to us, so an event that has only them is none, though OpenAI's client gives it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from time import thread_time

from openai._streaming import SSEDecoder

from adapters.wire.sse import SseDecoder, SseEvent
from support.fuzz.mutation import HOSTILE_BYTES, change_bytes, pieces_of
from support.fuzz.sse_reading import BOM, Read, read_stream
from support.fuzz.stream_mutation import HOSTILE_EVENTS
from support.fuzz.verdicts import Verdict, generator

LIMIT = 1 << 22
_ENDS = (b"\n", b"\n", b"\r\n", b"\r")
_LINES = (
    b"data: {}", b"data:x", b"data", b"data:", b"data: ", b"data:  two", b"data: a:b", b"datax: y", b" data: y", b"Data: y", b"event: e", b"event", b"event:",
    b"id: 1", b"id: \0", b"id", b"retry: 5", b"retry: x", b": comment", b":", b": data: x", b"error: {}", b"error", b"x: y", b"x:y: z", b"", b"", b"",
    b"data: \xe2\x80\xa8\xc2\x85", b"data: [DONE]", b"\xef\xbb\xbfdata: x",
)  # fmt: skip


def make_stream(rng: Random) -> bytes:
    """Lines of every kind with ends of every kind, and bytes gone wrong in some."""
    ends = _ENDS if rng.random() < 0.5 else (rng.choice(_ENDS),)
    lines = [rng.choice(_LINES if rng.random() < 0.8 else HOSTILE_EVENTS[:60]) for _ in range(rng.randrange(12))]
    text = b"".join(line + rng.choice(ends) for line in lines)
    if rng.random() < 0.2:
        text = BOM * rng.choice((1, 2)) + text
    for _ in range(rng.choice((0, 0, 1, 3))):
        text = change_bytes(text, rng)
    if rng.random() < 0.1:
        text = text + rng.choice(HOSTILE_BYTES)
    return text


def decode(pieces: Sequence[bytes]) -> list[SseEvent]:
    """What we read of these pieces."""
    decoder = SseDecoder(LIMIT)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def encode(events: Sequence[SseEvent]) -> bytes:
    """The events as a stream, in one hand."""
    parts = []
    for event in events:
        lines = [] if event.name is None else [b"event: " + event.name]
        lines += [name + b": " + value for name, value in event.unknown]
        if event.data or not event.unknown:
            lines += [b"data: " + line for line in event.data.split(b"\n")]
        parts.append(b"\n".join(lines) + b"\n\n")
    return BOM + b"".join(parts)  # so that the name of a field may begin with one, too


def by_the_specification(text: bytes) -> list[SseEvent]:
    """What the plain reader reads, with the deviations that are ours."""
    stream = read_stream(text)
    found: list[Read] = [*stream.events, *([stream.rest] if stream.rest else [])]
    return [SseEvent(event.data, event.name or None, event.ignored) for event in found]


def by_openai(text: bytes) -> list[tuple[str, str | None]] | None:
    """Data and name of the events that OpenAI's client gives and that have data; None where it refuses the text."""
    try:
        events = list(SSEDecoder().iter_bytes(iter([text])))
    except UnicodeDecodeError:
        return None
    return [(event.data, event.event or None) for event in events if event.data]


def faults_of(text: bytes, pieces: Sequence[bytes]) -> list[str]:
    """What is wrong with how these pieces of a text are read."""
    faults = []
    ours = decode(pieces)
    whole = [SseEvent(event.data, event.name or None, event.unknown) for event in ours]
    if ours != decode([text]):
        faults.append("the split matters")
    if whole != by_the_specification(text):
        faults.append("not what the specification says")
    if decode([encode(ours)]) != ours:
        faults.append("decode(encode(x)) is not x")
    ended = text.removeprefix(BOM) + b"\n\n"
    theirs = by_openai(ended)
    if theirs is not None and not ended.startswith(BOM):
        plain = [
            (event.data.decode(), (event.name or b"").decode() or None) for event in decode([ended]) if event.data
        ]
        if plain != theirs:
            faults.append("not what OpenAI's client reads")
    return faults


def cut(text: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The text in pieces."""
    edges = [0, *sorted(at % (len(text) + 1) for at in cuts), len(text)]
    return [text[begin:end] for begin, end in pairwise(edges)]


class SseSeeds:
    """Implements support.fuzz.verdicts.Seeds over event streams."""

    async def one(self, seed: int) -> Verdict:
        """See support.fuzz.verdicts."""
        rng = generator(seed)
        text = make_stream(rng)
        pieces = pieces_of(text, rng)
        began = thread_time()
        decode(pieces)
        step_ms = (thread_time() - began) * 1000
        faults = faults_of(text, pieces)
        events = len(decode([text]))
        label = "violation" if faults else "no event" if not events else "events"
        return Verdict(label=label, faults=faults, step_ms=step_ms)


@asynccontextmanager
async def sse_seeds() -> AsyncIterator[SseSeeds]:
    """Over streams of lines of every kind."""
    yield SseSeeds()
