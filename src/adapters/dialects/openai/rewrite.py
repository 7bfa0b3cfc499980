"""Chunks mended: only what is wrong is changed, every other byte stays as the provider wrote it."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from adapters.dialects.openai.wire import UNDECODABLE
from domain.model.completion import FinishReason
from domain.model.stream import ToolCallDelta

OBJECT = "chat.completion.chunk"
"""What every chunk calls itself."""
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CHOICES = msgspec.json.Decoder(list[dict[str, Raw]])
_ENCODER = msgspec.json.Encoder()
_ITEMS = msgspec.json.Decoder(list[Raw])
_CHOICES_KEY = b'"choices":'
_OBJECT = Raw(f'"{OBJECT}"'.encode())
_ASSISTANT = Raw(b'"assistant"')
_NO_CHOICES = Raw(b"[]")
_EMPTY = Raw(b"{}")


class Head(Struct, frozen=True):
    """What all chunks of one answer share. `created` is in Unix seconds."""

    id: str
    created: int
    model: str


class Edit(Struct, frozen=True):
    """How one choice has to read: with a role or without, with this finish reason, with these tool calls."""

    index: int
    role: bool
    finish_reason: FinishReason | None
    tool_calls: tuple[ToolCallDelta, ...] | None


UNCHANGED = Edit(-1, role=False, finish_reason=None, tool_calls=None)


def chunk(data: bytes, head: Head, edits: Sequence[Edit | None]) -> bytes:
    """The chunk in `data` with this head and its choices edited in order; None drops a choice."""
    fields = _with_head(_FIELDS.decode(data), head)
    fields.pop("usage", None)  # it travels in a chunk of its own, last
    fields.pop("stream_options", None)  # LiteLLM echoes the request's (seen 2026-11)
    choices = [
        choice if edit is UNCHANGED else _edited(choice, edit)
        for choice, edit in zip(_CHOICES.decode(fields["choices"]), edits, strict=True)
        if edit is not None
    ]
    fields["choices"] = Raw(_ENCODER.encode(choices))
    return _ENCODER.encode(fields)


def with_null_reason(data: bytes) -> bytes | None:
    """The chunk in `data` with `"finish_reason":null` in its only choice, which has members but not this one.

    LiteLLM leaves it out of all chunks but the last (seen 2026-11). The choice is found without taking the chunk
    apart: from the first `choices` on there is one list and the chunk's last brace, nothing more. That cannot be one
    deeper inside, behind which there would be another bracket. None where it is not so.
    """
    begin = data.find(_CHOICES_KEY)
    if begin < 0 or data[-3:] != b"}]}":
        return None
    try:
        _ITEMS.decode(data[begin + len(_CHOICES_KEY) : -1])
    except UNDECODABLE:
        return None
    return data[:-3] + b',"finish_reason":null}]}'


def usage_chunk(head: Head, usage: Raw) -> bytes:
    """The chunk that only tells what was used."""
    return _ENCODER.encode({**_with_head({}, head), "choices": _NO_CHOICES, "usage": usage})


def _with_head(fields: dict[str, Raw], head: Head) -> dict[str, Raw]:
    fields["id"] = Raw(_ENCODER.encode(head.id))
    fields["object"] = _OBJECT
    fields["created"] = Raw(_ENCODER.encode(head.created))
    fields["model"] = Raw(_ENCODER.encode(head.model))
    return fields


def _edited(choice: dict[str, Raw], edit: Edit) -> dict[str, Raw]:
    raw = choice.get("delta", _EMPTY)
    delta = _FIELDS.decode(_EMPTY if bytes(raw) == b"null" else raw)
    if edit.role:
        delta = {"role": _ASSISTANT, **delta, **({"role": _ASSISTANT} if "role" in delta else {})}
    else:
        delta.pop("role", None)
    if edit.tool_calls is not None:
        delta["tool_calls"] = Raw(_ENCODER.encode([_call(call) for call in edit.tool_calls]))
    return {
        **choice,
        "index": Raw(_ENCODER.encode(edit.index)),
        "delta": Raw(_ENCODER.encode(delta)),
        "finish_reason": Raw(_ENCODER.encode(edit.finish_reason)),
    }


def _call(call: ToolCallDelta) -> dict[str, object]:
    kind, text = ("custom", "input") if call.custom else ("function", "arguments")
    inner: dict[str, str] = {text: call.arguments}
    if call.name is not None:
        inner = {"name": call.name, **inner}
    begin = {} if call.id is None else {"id": call.id, "type": kind}
    return {"index": call.index, **begin, kind: inner}
