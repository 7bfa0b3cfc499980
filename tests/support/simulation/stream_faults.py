"""What a provider can do wrong in the middle of a stream."""

import json
from collections.abc import Callable

from support.simulation.answers import (
    DONE,
    FOREVER,
    LAST_CHUNK,
    Act,
    Answer,
    Draft,
    Move,
    chunk,
    event,
    framed,
    stream_parts,
    streamed,
    whole_body,
    with_length,
)


def _broken(draft: Draft, *tail: bytes, status: int | None = None, end: bytes = LAST_CHUNK) -> Answer:
    """Some right text, then this."""
    parts = stream_parts(draft)
    return Answer(acts=streamed(draft, [*parts.content, *tail], end), status=status, texts=parts.texts, may=False)


def _finished(draft: Draft, *tail: bytes, end: bytes = LAST_CHUNK) -> Answer:
    """All of a right answer, then this."""
    parts = stream_parts(draft)
    return Answer(acts=streamed(draft, [*parts.content, *parts.finishes, *tail], end), texts=parts.texts)


def malformed(draft: Draft) -> Answer:
    """An event that is half a chunk, and then a right end."""
    return _broken(draft, b'data: {"id":"x","choices":[{"ind\n\n', *stream_parts(draft).finishes, DONE)


def invalid_utf8(draft: Draft) -> Answer:
    """Bytes that are no text, and then a right end."""
    return _broken(draft, b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}\n\n', *stream_parts(draft).finishes, DONE)  # fmt: skip


def error_event(draft: Draft) -> Answer:
    """Says in the middle that it failed."""
    code = draft.dice.choice([500, "overloaded", None, 429, "400"])
    return _broken(draft, event({"error": {"message": f"boom {draft.tag}", "type": "x", "code": code}}), DONE)


def error_first(draft: Draft) -> Answer:
    """Says at once that it failed."""
    events = [event({"error": {"message": f"boom {draft.tag}", "code": 500}}), DONE]
    return Answer(acts=streamed(draft, events), status=502, may=False)


def huge_event(draft: Draft) -> Answer:
    """One event that is larger than events may be."""
    parts = stream_parts(draft)
    huge = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"y" * 4000
    acts = streamed(draft, [*parts.content, huge, *[b"y" * 4000] * (draft.max_event // 4000 + 1)], b"")
    return Answer(acts=[*acts, FOREVER], status=None, texts=parts.texts, may=False)


def comments_only(draft: Draft) -> Answer:
    """Says that it is there, and nothing else."""
    return Answer(acts=streamed(draft, [b": PROCESSING\n\n"] * draft.dice.randint(1, 9)), status=502, may=False)


def comments_forever(draft: Draft) -> Answer:
    """Says that it is there, until nobody listens any more."""
    acts: list[Act] = [streamed(draft, [])[0]]
    for _ in range(200):
        acts.extend([framed(b": PROCESSING\n\n"), draft.idle / 2])
    return Answer(acts=acts, status=504, may=False)


def flood(draft: Draft) -> Answer:
    """Much text as fast as the network takes it."""
    parts = stream_parts(draft, pieces=draft.dice.randint(5, 120) // draft.choices + 1, pad=6000)
    events = [*parts.content, *parts.finishes, parts.usage, DONE]
    too_much = sum(map(len, events)) > draft.max_body
    acts: list[Act] = [streamed(draft, [])[0], *map(framed, events), LAST_CHUNK]
    return Answer(acts=acts, texts=parts.texts, may=not too_much, status=None if too_much else 200)


def one_never_ends(draft: Draft) -> Answer:
    """One choice does not say why it ended."""
    if draft.choices == 1:
        return _broken(draft, DONE)
    return _broken(draft, *stream_parts(draft).finishes[1:], DONE)


def after_the_end(draft: Draft) -> Answer:
    """More text, and an error, behind its own end."""
    more = chunk(draft, [{"index": 0, "delta": {"content": "evil"}, "finish_reason": None}])
    return _finished(draft, DONE, more, event({"error": {"message": "evil"}}))


def failed_reason(draft: Draft) -> Answer:
    """Ends with the reason `error`."""
    return _broken(draft, chunk(draft, [{"index": 0, "delta": {}, "finish_reason": "error"}]), DONE)


def until_closed(draft: Draft) -> Answer:
    """A right answer whose end is the end of the connection, as HTTP/1.0 has it."""
    parts = stream_parts(draft)
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    events = [*parts.content, *parts.finishes, draft.dice.choice([DONE, b""])]
    return Answer(acts=[start, *events], texts=parts.texts, tail=[Move.CLOSE])


def until_reset(draft: Draft) -> Answer:
    """The same, and the connection breaks: nobody can say whether that was all."""
    parts = stream_parts(draft)
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    acts: list[Act] = [start, *parts.content, *parts.finishes, Move.RESET]
    return Answer(acts=acts, texts=parts.texts, status=None, may=False)


def whole_instead(draft: Draft) -> Answer:
    """A whole answer where a stream was asked for."""
    return Answer(acts=with_length(draft, whole_body(draft)[0]), status=502, may=False)


def carriage_returns(draft: Draft) -> Answer:
    """A right answer with the other two kinds of line end."""
    parts = stream_parts(draft)
    end = draft.dice.choice([b"\r\n", b"\r"])
    events = [part.replace(b"\n", end) for part in [*parts.content, *parts.finishes, parts.usage, DONE]]
    return Answer(acts=streamed(draft, events), texts=parts.texts)


def repeats_itself(draft: Draft) -> Answer:
    """Two ends of everything."""
    return _finished(draft, *stream_parts(draft).finishes, DONE, DONE)


STREAM_FAULTS: dict[str, Callable[[Draft], Answer]] = {
    "ends without a reason": _broken,
    "ends without a reason, [DONE]": lambda draft: _broken(draft, DONE),
    "no [DONE]": _finished,
    "only [DONE]": lambda draft: Answer(acts=streamed(draft, [DONE]), status=502, may=False),
    "malformed": malformed,
    "invalid utf-8": invalid_utf8,
    "error event": error_event,
    "error first": error_first,
    "huge event": huge_event,
    "comments only": comments_only,
    "comments for ever": comments_forever,
    "flood": flood,
    "one choice never ends": one_never_ends,
    "after the end": after_the_end,
    "reason error": failed_reason,
    "until closed": until_closed,
    "until reset": until_reset,
    "whole instead": whole_instead,
    "carriage returns": carriage_returns,
    "repeats itself": repeats_itself,
    "line of an error": lambda draft: _broken(draft, b"error: " + json.dumps({"message": "boom"}).encode() + b"\n\n"),
}
