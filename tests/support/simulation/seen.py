"""What a caller saw in an answer: its form, the text of each choice, and whose words they were."""

import json
import re
from typing import Any

from msgspec import Struct

_WORDS = re.compile(rb"\[(r\d+-\d+\.\d+):")


class Seen(Struct):
    """`form` is "done", "error", "cut" (no end has come) or what is wrong with it. `code` is the error's."""

    form: str
    texts: dict[int, str]
    code: str | None = None


def speakers(body: bytes) -> set[str]:
    """Whose answers there are words of."""
    return {found.decode() for found in _WORDS.findall(body)}


def read_whole(body: bytes) -> Seen:
    """A whole chat completion."""
    try:
        choices = json.loads(body)["choices"]
        return Seen("done", {choice["index"]: _said(choice["message"]) for choice in choices})
    except (ValueError, KeyError, TypeError) as error:
        return Seen(f"no completion: {error!r}", {})


def read_stream(body: bytes, *, complete: bool) -> Seen:
    """A stream, or what had come of it."""
    *blocks, rest = body.split(b"\n\n")
    seen = Seen("cut", {})
    finished: set[int] = set()
    if rest and complete:
        seen.form = "half an event at the end"
        return seen
    for block in blocks:
        if block.startswith(b": "):
            continue
        if seen.form != "cut":
            seen.form = f"something behind {seen.form}"
            return seen
        _read_event(block, seen, finished)
    if seen.form == "done" and (not finished or finished != set(seen.texts)):
        seen.form = "[DONE] before every choice said why it ended"
    if seen.form == "cut" and complete:
        seen.form = "an end without a word"
    return seen


def _read_event(block: bytes, seen: Seen, finished: set[int]) -> None:
    name, _, data = block.partition(b" ")
    if name != b"data:" or b"\n" in data or b"\r" in data:
        seen.form = f"no event: {block[:60]!r}"
    elif data == b"[DONE]":
        seen.form = "done"
    else:
        _read_chunk(json.loads(data), seen, finished)


def _read_chunk(chunk: dict[str, Any], seen: Seen, finished: set[int]) -> None:
    if "error" in chunk:
        seen.form, seen.code = "error", chunk["error"]["code"]
        return
    for choice in chunk["choices"]:
        index = choice["index"]
        if index in finished:
            seen.form = "more of a choice that had ended"
        if ("role" in choice["delta"]) == (index in seen.texts):
            seen.form = "a role that is not at the beginning, or none there"
        seen.texts[index] = seen.texts.get(index, "") + _said(choice["delta"])
        if choice["finish_reason"] is not None:
            finished.add(index)


def _said(speech: dict[str, Any]) -> str:
    calls = "".join(call["function"]["arguments"] for call in speech.get("tool_calls") or [])
    return (speech.get("content") or "") + calls
