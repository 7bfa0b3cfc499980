"""What a caller got, read strictly: HTTP framing, events, and the one right ending of a stream (invariant I2)."""

import json
from typing import Any, Literal

from msgspec import Struct

Ending = Literal["whole", "done", "error", "broken"]
"""A whole body; a stream's `[DONE]`; its error event; no end at all, which only who left or stopped reading may see."""


class Answer(Struct, kw_only=True):
    """An answer as its caller saw it. `pieces` of text and `finished` are by choice."""

    status: int
    headers: dict[str, str]
    ending: Ending
    body: bytes
    document: dict[str, Any] | None = None
    chunks: list[dict[str, Any]] = []
    comments: int = 0
    pieces: dict[int, list[str]] = {}
    finished: dict[int, str] = {}

    @property
    def text(self) -> str:
        """What the first choice said."""
        return "".join(self.pieces.get(0, ()))

    @property
    def has_text(self) -> bool:
        """Whether any choice said anything."""
        return any(map(any, self.pieces.values()))

    @property
    def error(self) -> dict[str, Any] | None:
        """The error, from a body or the last event."""
        return None if self.document is None else self.document.get("error")

    @property
    def code(self) -> str | None:
        """Its code."""
        return None if self.error is None else self.error["code"]

    @property
    def request_id(self) -> str:
        """The id that the answer is known by."""
        return self.headers["x-request-id"]


def read(raw: bytes) -> Answer:
    """The answer in all the bytes of a connection. Raises AssertionError for anything that is not promised."""
    head, found, rest = raw.partition(b"\r\n\r\n")
    assert found, f"no HTTP answer: {raw[:200]!r}"
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    version, status, _ = first.split(" ", 2)
    assert version == "HTTP/1.1"
    body, whole = _body(headers, rest)
    answer = Answer(status=int(status), headers=headers, ending="whole" if whole else "broken", body=body)
    if headers.get("content-type", "").startswith("text/event-stream"):
        _read_stream(answer)
    elif whole and body:
        answer.document = json.loads(body)
        if answer.status >= 400 and "reasons" not in answer.document:  # which is what health checks tell
            _is_error(answer.document)
    return answer


def _body(headers: dict[str, str], rest: bytes) -> tuple[bytes, bool]:
    if headers.get("transfer-encoding") == "chunked":
        return _dechunked(rest)
    length = int(headers["content-length"])
    assert len(rest) <= length, "bytes behind the end of the answer"
    return rest, len(rest) == length


def _dechunked(rest: bytes) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    at = 0
    while (end := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:end], 16)
        if size == 0:
            assert rest[end:] == b"\r\n\r\n", "bytes behind the last chunk"
            return b"".join(parts), True
        part = rest[end + 2 : end + 2 + size]
        parts.append(part)
        if len(part) < size:
            break
        at = end + 2 + size + 2
    return b"".join(parts), False


def _read_stream(answer: Answer) -> None:
    assert answer.status == 200
    blocks = answer.body.split(b"\n\n")
    rest = blocks.pop()
    whole = answer.ending == "whole"
    assert not (whole and rest), "a stream that ends within an event"
    for number, block in enumerate(blocks):
        assert b"\n" not in block
        assert b"\r" not in block
        if block.startswith(b":"):
            answer.comments += 1
            continue
        assert block.startswith(b"data: "), block
        _read_event(answer, block[6:], last=number == len(blocks) - 1)
    if whole:
        assert answer.ending in ("done", "error"), "a stream without an ending"


def _read_event(answer: Answer, data: bytes, *, last: bool) -> None:
    if data == b"[DONE]":
        assert last, "something behind [DONE]"
        assert answer.pieces, "[DONE] without any choice"
        assert answer.finished.keys() == answer.pieces.keys(), "[DONE] before every choice said why it ended"
        answer.ending = "done"
        return
    document = json.loads(data)
    if "error" in document:
        assert last, "something behind the error"
        _is_error(document)
        answer.ending, answer.document = "error", document
        return
    answer.chunks.append(document)
    first = answer.chunks[0]
    assert all(document[name] == first[name] for name in ("id", "created", "model", "object"))
    for choice in document["choices"]:
        _read_choice(answer, choice)


def _read_choice(answer: Answer, choice: dict[str, Any]) -> None:
    index, delta = choice["index"], choice["delta"]
    assert index not in answer.finished, "a choice goes on behind its end"
    assert ("role" in delta) is (index not in answer.pieces), "one role a choice, with its first chunk"
    answer.pieces.setdefault(index, []).append(delta.get("content") or "")
    for call in delta.get("tool_calls") or []:
        assert isinstance(call["index"], int)
    if choice["finish_reason"] is not None:
        answer.finished[index] = choice["finish_reason"]


def _is_error(document: Any) -> None:
    assert set(document) == {"error"}
    assert set(document["error"]) == {"message", "type", "param", "code"}
    assert document["error"]["message"]
