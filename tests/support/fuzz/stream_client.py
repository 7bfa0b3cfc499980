"""A client that believes nothing: it reads a streamed answer byte by byte and holds it to every word we promise."""

import json
from collections.abc import Iterable
from typing import Any

from support.fuzz.judge import TEXTS
from support.fuzz.published import Published

FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter", "function_call"}
_ERROR_FIELDS = {"message", "type", "param", "code"}
_COMMENT = ": keep-alive"


class Broken(Exception):
    """What the client found, one argument for each fault; `label` if it could read the answer nevertheless."""

    def __init__(self, *faults: str, label: str | None = None) -> None:
        super().__init__(*faults)
        self.label = label


def need(true: object, what: str) -> None:
    """Raise Broken unless `true`."""
    if not true:
        raise Broken(what)


def labelled(label: str, faults: Iterable[str]) -> str:
    """The label. Raises Broken where there are faults."""
    found = sorted(set(faults))
    if found:
        raise Broken(*found, label=label)
    return label


def strict_json(text: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no lone surrogate, whole."""

    def refuse(word: str) -> None:
        raise Broken(f"{word} is no JSON")

    try:
        value = json.loads(text, parse_constant=refuse, parse_int=_number, parse_float=float)
    except (ValueError, RecursionError) as error:
        raise Broken(f"not JSON: {type(error).__name__}") from error
    return value


def _number(text: str) -> int:
    return int(text) if len(text) < 400 else 10**400


def error_of(text: str) -> dict[str, Any]:
    """The inside of an error in the contract's form."""
    document = strict_json(text)
    need(isinstance(document, dict) and set(document) == {"error"}, "error: not the contract's form")
    error: Any = document["error"]
    need(isinstance(error, dict) and set(error) == _ERROR_FIELDS, "error: not the contract's fields")
    need(isinstance(error["message"], str) and 0 < len(error["message"]) <= 600, "error: message")
    need(error["message"].isprintable(), "error: control characters in the message")
    need(isinstance(error["type"], str) and isinstance(error["code"], str) and error["code"], "error: type or code")
    need(error["param"] is None or isinstance(error["param"], str), "error: param")
    return dict(error)


class Reading:
    """A streamed answer, read. `form` is "a" for [DONE] and "b" for an error event.

    `misfits` are the chunks' differences from what our own document publishes, which do not end the reading.
    """

    def __init__(self, body: bytes, published: Published, *, usage_wanted: bool) -> None:
        self._published = published
        self._usage_wanted = usage_wanted
        self.misfits: list[str] = []
        self._head: tuple[Any, ...] | None = None
        self.roles: set[int] = set()
        self.finished: set[int] = set()
        self.calls: set[tuple[int, int]] = set()
        self.usages = 0
        self.said_something = False
        self.texts: dict[tuple[Any, str], str] = {}
        self.error: dict[str, Any] | None = None
        self.form = ""
        self._read(body)

    def _read(self, body: bytes) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise Broken("invalid UTF-8 was passed on") from error
        need("\r" not in text, "a carriage return")
        need(text.endswith("\n\n"), "the last event has no end")
        for event in text[:-2].split("\n\n"):
            need(not self.form, "something behind the end")
            if event != _COMMENT:
                need(event.startswith("data: ") and "\n" not in event, "an event that is not one line of data")
                self._event(event[6:])
        need(self.form, "no end: neither [DONE] nor an error")

    def _event(self, data: str) -> None:
        if data == "[DONE]":
            need(self.roles and self.roles == self.finished, "[DONE] before every choice was finished")
            self.form = "a"
            return
        chunk = strict_json(data)
        need(isinstance(chunk, dict), "a chunk that is no object")
        if "error" in chunk and chunk["error"] is not None:
            self.error, self.form = error_of(data), "b"
            return
        self.misfits.extend(self._published.misfits("ChatCompletionChunk", chunk))
        self._chunk(chunk)

    def _chunk(self, chunk: dict[str, Any]) -> None:
        need(not self.usages, "a chunk behind the usage")
        head = (chunk.get("id"), chunk.get("created"), chunk.get("model"))
        need(head[0] and isinstance(head[0], str) and isinstance(head[2], str), "id or model")
        need(self._head in (None, head), "id, created or model changed")
        self._head = head
        need(isinstance(chunk.get("choices"), list), "no choices")
        if chunk.get("usage") is not None:
            need(self._usage_wanted and not chunk["choices"], "usage that was not asked for, or not by itself")
            self.usages += 1
        else:
            need(chunk["choices"], "a chunk without choices and usage")
        for choice in chunk["choices"]:
            self._choice(choice)

    def _choice(self, choice: dict[str, Any]) -> None:
        index, delta = choice.get("index"), choice.get("delta")
        need(type(index) is int and isinstance(delta, dict), "a choice without index or delta")
        assert isinstance(index, int)
        assert isinstance(delta, dict)
        need(index not in self.finished, "a choice went on behind its finish reason")
        need((delta.get("role") is not None) is (index not in self.roles), "not one role a choice")
        need(delta.get("role") in (None, "assistant"), "role")
        self.roles.add(index)
        reason = choice.get("finish_reason", "left out")
        need(reason is None or reason in FINISH_REASONS, "finish_reason")
        if reason is not None:
            self.finished.add(index)
        for member in TEXTS:
            if isinstance(delta.get(member), str):
                self.texts[index, member] = self.texts.get((index, member), "") + delta[member]
        for call in delta.get("tool_calls") or []:
            self._call(index, call)
        says = ("content", "refusal", "reasoning_content", "reasoning", "tool_calls")
        self.said_something |= any(delta.get(name) for name in says) or delta.get("function_call") is not None

    def _call(self, choice: int, call: dict[str, Any]) -> None:
        need(type(call.get("index")) is int, "a tool call without index")
        place = (choice, call["index"])
        if place not in self.calls:
            need(isinstance(call.get("id"), str) and call["id"], "a tool call that begins without id")
            need(isinstance(call.get("type"), str), "a tool call that begins without type")
        self.calls.add(place)
