"""Valid upstream streams, every feature once; by hand, and those that were recorded where they are at hand."""

import json
from functools import cache
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "recordings" / "exchanges"
_LONGEST = 20_000
_HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "m-1"}
_USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
DONE = "[DONE]"
Event = dict[str, Any] | str
"""The data of one event: a chunk, or a text that stands as it is."""


def _chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0, **more: Any) -> Event:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**_HEAD, "system_fingerprint": "fp_1", "choices": [choice], **more}


def _call(index: int, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **fields}]}


def _lite(delta: dict[str, Any], **choice: Any) -> Event:
    """As LiteLLM writes: no finish_reason but at the end, no logprobs."""
    return {**_HEAD, "choices": [{"index": 0, "delta": delta, **choice}]}


_USAGE_CHUNK: Event = {**_HEAD, "choices": [], "usage": _USAGE}
_FIRST = {"role": "assistant", "content": "", "refusal": None}
_ONE = {"id": "call_a", "type": "function", "function": {"name": "sum", "arguments": ""}}
_TWO = {"id": "call_b", "type": "function", "function": {"name": "now", "arguments": ""}}

BY_HAND: dict[str, list[Event]] = {
    "plain": [
        _chunk(_FIRST),
        _chunk({"content": "Hello"}),
        _chunk({"content": " w\u00f6rld \u2028\U0001f600\n\ndata: [DONE]\n\n"}),
        _chunk({}, "stop"),
        DONE,
    ],
    "usage at the end": [_chunk(_FIRST, usage=None), _chunk({"content": "Hi"}, usage=None), _chunk({}, "length", usage=None), _USAGE_CHUNK, DONE],
    "usage in the last chunk": [_chunk(_FIRST), _chunk({"content": "Hi"}), _chunk({}, "stop", usage=_USAGE), DONE],
    "tool": [
        _chunk({"role": "assistant", "content": None, **_call(0, **_ONE)}),
        _chunk(_call(0, function={"arguments": '{"a'})),
        _chunk(_call(0, function={"arguments": '": 1}'})),
        _chunk({}, "tool_calls"),
        DONE,
    ],
    "parallel tools": [
        _chunk({"role": "assistant", "content": None}),
        _chunk(_call(0, **_ONE)),
        _chunk(_call(0, function={"arguments": "{}"})),
        _chunk(_call(1, **_TWO)),
        _chunk(_call(1, function={"arguments": "{}"})),
        _chunk({}, "tool_calls"),
        DONE,
    ],
    "a custom tool": [
        _chunk({"role": "assistant", **_call(0, id="call_c", type="custom", custom={"name": "sh", "input": ""})}),
        _chunk(_call(0, custom={"input": "ls"})),
        _chunk({}, "tool_calls"),
        DONE,
    ],
    "two choices": [
        _chunk(_FIRST),
        _chunk(_FIRST, index=1),
        _chunk({"content": "a"}),
        _chunk({"content": "b"}, index=1),
        _chunk({}, "stop"),
        _chunk({"content": "c"}, index=1),
        _chunk({}, "length", index=1),
        _USAGE_CHUNK,
        DONE,
    ],
    "two choices in one chunk": [
        {**_HEAD, "choices": [{"index": 0, "delta": _FIRST, "finish_reason": None}, {"index": 1, "delta": _FIRST, "finish_reason": None}]},
        {**_HEAD, "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}, {"index": 1, "delta": {"content": "b"}, "finish_reason": None}]},
        {**_HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}, {"index": 1, "delta": {}, "finish_reason": "stop"}]},
        DONE,
    ],
    "reasoning": [
        _chunk({"role": "assistant", "reasoning_content": "Well"}),
        _chunk({"reasoning_content": ", so"}),
        _chunk({"content": "42"}),
        _chunk({}, "stop"),
        _USAGE_CHUNK,
        DONE,
    ],
    "litellm": [
        _lite({"role": "assistant", "content": "Hel"}),
        _lite({"content": "lo"}),
        _lite({"content": "!"}),
        _lite({}, finish_reason="stop"),
        {**_HEAD, "choices": [{"index": 0, "delta": {}}], "usage": _USAGE},
        DONE,
    ],
    "refusal": [_chunk({"role": "assistant", "refusal": ""}), _chunk({"refusal": "No."}), _chunk({}, "content_filter"), DONE],
    "a legacy function": [
        _chunk({"role": "assistant", "content": None, "function_call": {"name": "sum", "arguments": ""}}),
        _chunk({"function_call": {"arguments": "{}"}}),
        _chunk({}, "function_call"),
        DONE,
    ],
    "logprobs": [
        _chunk(_FIRST),
        {**_HEAD, "choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [{"token": "x", "logprob": -0.25, "bytes": [120], "top_logprobs": []}]}, "finish_reason": None}]},
        _chunk({}, "stop"),
        DONE,
    ],
    "no end mark": [_chunk(_FIRST), _chunk({"content": "Hi"}), _chunk({}, "stop")],
    "loose": [
        {"choices": [{"delta": {"content": "no id, no index"}}]},
        {"choices": [{"delta": {"content": " at all", "tool_calls": None}, "finish_reason": ""}]},
        {"choices": [{"delta": None, "finish_reason": "eos"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        DONE,
    ],
}  # fmt: skip


@cache
def recorded() -> dict[str, list[Event]]:
    """The streams of the recorded exchanges, none where the folder is missing. Nothing of them is kept here."""
    found = {}
    for path in sorted(RECORDINGS.glob("*/*.json")):
        exchange = json.loads(path.read_text())
        answer = exchange["response"]
        if exchange["api"] == "openai.chat" and answer["status"] == 200 and answer["stream"]:
            found[exchange["id"]] = _events(answer["raw"])
    return {name: events for name, events in found.items() if events}


def _events(raw: str) -> list[Event]:
    events: list[Event] = []
    for line in raw[:_LONGEST].splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data:
            try:
                events.append(json.loads(data))
            except ValueError:
                events.append(data)
    return events
