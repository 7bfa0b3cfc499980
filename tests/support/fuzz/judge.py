"""The naive judge: reads what the provider really sent, and says whether an answer made of it may look finished.

It shares no line with the service: other events, other JSON, other types. Where it cannot read, nothing is finished.
"""

import base64
import json
import struct
from typing import Any

from support.fuzz.sse_reading import Read, read_stream

TEXTS = ("content", "refusal")


class Naive:
    """A stream as read by somebody who only knows JSON.

    `why_not_whole` says why an answer made of it may not look finished, None where it may: every choice that began
    also said why it ended, and nothing spoke of a failure. `texts` is what was said until then, by choice and member.
    """

    def __init__(self, body: bytes) -> None:
        self._began: set[Any] = set()
        self._finished: set[Any] = set()
        self.texts: dict[tuple[Any, str], str] = {}
        self.why_not_whole = self._read(body)

    def _read(self, body: bytes) -> str | None:
        stream = read_stream(body)
        for event in [*stream.events, *([stream.rest] if stream.rest else [])]:
            if event.data == b"[DONE]":
                break
            problem = "an error event" if _is_failure(event) else self._event(event.data)
            if problem is not None:
                return problem
        if not self._began:
            return "no choice"
        return None if self._began <= self._finished else "a choice without its end"

    def _event(self, data: bytes) -> str | None:
        chunk = loaded(data) if data.strip() else {}
        if not isinstance(chunk, dict):
            return "an event that is no JSON object"
        if chunk.get("error") is not None:
            return "an error in a chunk"
        choices = chunk.get("choices") or []
        return self._choices(choices) if isinstance(choices, list) else "choices that are no list"

    def _choices(self, choices: list[Any]) -> str | None:
        for position, choice in enumerate(choices):
            if not isinstance(choice, dict) or not isinstance(choice.get("delta") or {}, dict):
                return "a choice that is no object"
            index = choice.get("index")
            index = position if index is None else index
            if not isinstance(index, int | float):
                return "an index that is no number"
            self._choice(index, choice)
        return None

    def _choice(self, index: float, choice: dict[str, Any]) -> None:
        self._began.add(index)
        if index in self._finished:
            return
        for member in TEXTS:
            text = (choice.get("delta") or {}).get(member)
            if isinstance(text, str):
                self.texts[index, member] = self.texts.get((index, member), "") + text
        if gives_a_reason(choice):
            self._finished.add(index)


def _is_failure(event: Read) -> bool:
    if any(name == b"error" for name, _ in event.ignored):
        return True
    return event.name == b"error" and not event.data.lstrip().startswith(b"{")


def gives_a_reason(choice: dict[str, Any]) -> bool:
    """Whether a choice says in any word but `error` why it ended."""
    reason = choice.get("finish_reason")
    return isinstance(reason, str) and reason not in ("", "error")


def loaded(data: bytes) -> Any:
    """The JSON in some bytes, None where there is none."""
    try:
        return json.loads(data.decode(), parse_int=_int)
    except (ValueError, RecursionError):
        return None


def _int(text: str) -> int:
    return int(text) if len(text) < 400 else 10**400


def whole_may_be_an_answer(body: bytes) -> bool:
    """Whether a whole answer has choices and every one says why it ended."""
    document = loaded(body)
    if not isinstance(document, dict) or not isinstance(document.get("choices"), list) or not document["choices"]:
        return False
    return all(isinstance(choice, dict) and gives_a_reason(choice) for choice in document["choices"])


def vectors_may_be_an_answer(body: bytes, inputs: int) -> bool:
    """Whether an embedding answer has one vector for each input."""
    document = loaded(body)
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        return False
    items = document["data"]
    if not all(isinstance(item, dict) for item in items):
        return False
    given = [position if item.get("index") is None else item["index"] for position, item in enumerate(items)]
    return len(given) == inputs and all(number in given for number in range(inputs))


def contents(answer: Any) -> list[Any]:
    """What the choices of a whole answer say."""
    return [(choice.get("message") or {}).get("content") for choice in answer["choices"]]


def numbers(answer: Any) -> list[list[float] | None]:
    """The vectors of an embedding answer by index, packed or not, as the float32 that they are when packed.

    None for one that is no vector.
    """
    items = list(enumerate(answer["data"]))
    items.sort(key=lambda item: item[0] if item[1].get("index") is None else item[1]["index"])
    return [_floats(item["embedding"]) for _, item in items]


def _floats(vector: Any) -> list[float] | None:
    if isinstance(vector, str):
        try:
            packed = base64.b64decode(vector, validate=True)
            return list(struct.unpack(f"<{len(packed) // 4}f", packed))
        except (ValueError, struct.error):
            return None
    return [_float32(number) for number in vector]


def _float32(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:  # too large to be packed: only where nobody packs it
        return number
