"""What a provider can do wrong, by name: with any answer here, with streams and whole answers next door."""

import json
from collections.abc import Callable

from support.simulation.answers import FOREVER, Act, Answer, Draft, Move, fine, framed, head, with_length
from support.simulation.stream_faults import STREAM_FAULTS
from support.simulation.whole_faults import WHOLE_FAULTS

Fault = Callable[[Draft], Answer]


def _nothing(*acts: Act, status: int | None) -> Answer:
    return Answer(acts=list(acts), status=status, may=False)


def _until(answer: Answer, offset: int, *then: Act) -> Answer:
    """The same until so many bytes are said, then something else."""
    acts: list[Act] = []
    left = offset
    for act in answer.acts:
        if isinstance(act, bytes):
            act, left = act[:left], left - len(act)  # noqa: PLW2901 - what is left of it
        acts.append(act)
        if left <= 0:
            break
    may = answer.may and offset >= answer.decisive
    return Answer(acts=[*acts, *then], status=None, texts=answer.texts, may=may, decisive=answer.decisive)


def _somewhere(answer: Answer, draft: Draft) -> int:
    return draft.dice.randint(1, len(answer.wire) - 1)


def cut_by_reset(draft: Draft) -> Answer:
    """Broken off with a reset at any byte."""
    answer = fine(draft)
    return _until(answer, _somewhere(answer, draft), Move.RESET)


def cut_by_end(draft: Draft) -> Answer:
    """Ended in the middle, as if that were all."""
    answer = fine(draft)
    return _until(answer, _somewhere(answer, draft), Move.CLOSE)


def cut_by_silence(draft: Draft) -> Answer:
    """Silent from any byte on."""
    answer = fine(draft)
    return _until(answer, _somewhere(answer, draft), FOREVER)


def refusing(status: str, seen: int, *headers: str) -> Fault:
    """An error with this status, of which the caller sees that one."""

    def refuse(draft: Draft) -> Answer:
        body = json.dumps({"error": {"message": f"no {draft.tag}", "type": "x", "param": None, "code": status[:3]}})
        return Answer(acts=with_length(draft, body.encode(), status, *headers), status=seen, may=False)

    return refuse


def html(status: str) -> Fault:
    """A page for people, from something on the way."""

    def show(draft: Draft) -> Answer:
        page = b"<html><h1>Welcome to http://internal.example</h1></html>"
        return Answer(acts=with_length(draft, page, status, kind="text/html"), status=502, may=False)

    return show


def gzip(draft: Draft) -> Answer:
    """Compressed, which nobody asked for."""
    return Answer(acts=with_length(draft, b"\x1f\x8b....", "200 OK", "content-encoding: gzip"), status=502, may=False)


def two_lengths(draft: Draft) -> Answer:
    """A length and chunks: whose framing counts?"""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    start = head(draft, "200 OK", "text/event-stream", "content-length: 5", "transfer-encoding: chunked")
    return _nothing(start + body, 0.5, Move.CLOSE, status=None)


def bad_chunk_size(draft: Draft) -> Answer:
    """Chunked coding with a size that is none."""
    kind = "text/event-stream" if draft.kind == "stream" else "application/json"
    start = head(draft, "200 OK", kind, "transfer-encoding: chunked")
    return _nothing(start + framed(b": hi\n\n") + b"ZZZ\r\n", status=502)


def extra_answer(draft: Draft) -> Answer:
    """A right answer, and another one behind it that nobody asked for."""
    answer = fine(draft)
    evil = b'{"id":"evil","object":"chat.completion","choices":[]}'
    extra = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(evil), evil)
    answer.tail = [draft.dice.choice([0.0, 0.01, 1.0]), extra]
    return answer


def closes_kept(draft: Draft) -> Answer:
    """A right answer on a connection that is then not kept for long."""
    answer = fine(draft)
    answer.tail = [draft.dice.uniform(0, 2), Move.CLOSE]
    return answer


def trickle(draft: Draft) -> Answer:
    """A right answer a few bytes at a time."""
    answer = fine(draft)
    wire, acts, wait = answer.wire, list[Act](), draft.idle * draft.dice.uniform(0.001, 0.5)
    while wire:
        size = draft.dice.randint(1, 80)
        acts.extend([wait, wire[:size]])
        wire = wire[size:]
    answer.acts = acts
    return answer


def interim(draft: Draft) -> Answer:
    """A right answer behind two provisional ones."""
    answer = fine(draft)
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    answer.acts = [hints, draft.dice.uniform(0, 0.2), hints, *answer.acts]
    answer.decisive += 2 * len(hints)
    return answer


def too_long(draft: Draft) -> Answer:
    """Announces more than is let in."""
    start = head(draft, "200 OK", "application/json", f"content-length: {draft.max_body + 1}")
    return _nothing(start + b"x" * 2000, FOREVER, status=502)


FAULTS: dict[str, Fault] = {
    "cut by a reset": cut_by_reset,
    "cut by an end": cut_by_end,
    "cut by silence": cut_by_silence,
    "hangs": lambda _draft: _nothing(FOREVER, status=504),
    "head, then silence": lambda draft: _nothing(head(draft, "200 OK", "text/event-stream", "transfer-encoding: chunked"), FOREVER, status=504),
    "reset at once": lambda _draft: _nothing(Move.RESET, status=502),
    "end at once": lambda draft: _nothing(draft.dice.uniform(0, 0.5), Move.CLOSE, status=502),
    "html 200": html("200 OK"),
    "html 502": html("502 Bad Gateway"),
    "400": refusing("400 Bad Request", 400),
    "401": refusing("401 Unauthorized", 502),
    "404": refusing("404 Not Found", 404),
    "429": refusing("429 Too Many Requests", 429, "retry-after: 7"),
    "500": refusing("500 Oops", 502),
    "error in a 200": refusing("200 OK", 502),
    "redirect": refusing("307 Temporary Redirect", 502, "location: http://127.0.0.1:9/"),
    "gzip": gzip,
    "two lengths": two_lengths,
    "bad chunk size": bad_chunk_size,
    "extra answer": extra_answer,
    "closes a kept connection": closes_kept,
    "trickle": trickle,
    "interim answers": interim,
    "too long": too_long,
    "not http": lambda _draft: _nothing(b"SSH-2.0-OpenSSH_9.9\r\n", FOREVER, status=502),
    "upgrade": lambda _draft: _nothing(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", FOREVER, status=502),
    "endless head": lambda _draft: _nothing(b"HTTP/1.1 200 OK\r\n", *[b"x-pad: " + b"y" * 4000 + b"\r\n"] * 40, FOREVER, status=502),
}  # fmt: skip


def faults_for(kind: str) -> dict[str, Fault]:
    """All that can go wrong with an answer of that kind."""
    return {**FAULTS, **(STREAM_FAULTS if kind == "stream" else WHOLE_FAULTS)}


def act_out(name: str, draft: Draft) -> Answer:
    """The answer with this fault; `fine` is none."""
    return fine(draft) if name == "fine" else faults_for(draft.kind)[name](draft)


CODES = {
    **dict.fromkeys(["redirect", "gzip", "bad chunk size", "too long", "not http", "upgrade", "endless head", "html 200", "malformed", "invalid utf-8", "huge event", "whole instead", "half a document", "empty list", "no reason"], "upstream_invalid"),
    **dict.fromkeys(["ends without a reason", "ends without a reason, [DONE]", "one choice never ends", "comments only", "only [DONE]"], "upstream_truncated"),
    **dict.fromkeys(["500", "html 502", "reason error", "error first", "line of an error"], "upstream_error"),
    **dict.fromkeys(["reset at once", "end at once"], "upstream_unreachable"),
    **dict.fromkeys(["hangs", "head, then silence", "shorter than said", "comments for ever"], "upstream_timeout"),
    "400": "invalid_request",
    "401": "upstream_auth",
    "404": "model_not_found",
    "429": "rate_limit_exceeded",
}  # fmt: skip
"""What a caller is told, by fault, where that is certain."""
