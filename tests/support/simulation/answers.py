"""Right answers of a provider, as the acts that bring them: every word in them names the request it answers."""

import json
from enum import Enum
from random import Random
from typing import Any, Literal

from msgspec import Struct

Kind = Literal["stream", "whole", "embeddings"]
FOREVER = 1e6
"""Longer than anybody waits, in seconds."""
_ODD = ("", "\n\ndata: [DONE]\n\n", "é\u2028😀", '"}]}\r\n', "\\u0000\x7f")


class Move(Enum):
    """What a provider can do beside talking and waiting."""

    RESET = "reset"
    CLOSE = "close"


Act = bytes | float | Move
"""Bytes to say, seconds to wait, or a move."""


class Draft(Struct, kw_only=True):
    """What is to be answered, and by what chance. Sizes in bytes are the service's own limits, times its timeouts."""

    tag: str
    kind: Kind
    choices: int
    tools: bool
    dice: Random
    max_event: int
    max_body: int
    idle: float


class Answer(Struct, kw_only=True):
    """What a provider does, and what may be made of it.

    `texts` is what each choice says, in order. `status` is what a caller sees where nothing else comes between;
    None where chance has a say. `may` it ever count as whole? `tail` is what it does when it has answered.
    """

    acts: list[Act]
    status: int | None = 200
    texts: dict[int, str] = {}
    may: bool = True
    decisive: int = 0  # with so many bytes said it may count as whole
    tail: list[Act] = []

    @property
    def silent(self) -> bool:
        """Whether it stops in the middle, and nothing more ever comes."""
        return bool(self.acts) and self.acts[-1] == FOREVER

    @property
    def wire(self) -> bytes:
        """All bytes of it."""
        return b"".join([act for act in self.acts if isinstance(act, bytes)])


class StreamParts(Struct):
    """A streamed answer's events: content, why it ended, usage."""

    content: list[bytes]
    finishes: list[bytes]
    usage: bytes
    texts: dict[int, str]


DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"


def event(value: Any) -> bytes:
    """One event with this as JSON."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(draft: Draft, choices: list[dict[str, Any]], **more: Any) -> bytes:
    """One chunk of the answer as an event."""
    return event({"id": f"chatcmpl-{draft.tag}", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m", "choices": choices, **more})  # fmt: skip


def stream_parts(draft: Draft, pieces: int | None = None, pad: int = 0) -> StreamParts:
    """The events of a right answer with so many pieces a choice, each with so many letters more."""
    dice = draft.dice
    texts = dict.fromkeys(range(draft.choices), "")
    content = []
    for number in range(dice.randint(1, 12) if pieces is None else pieces):
        for index in texts:
            said = f"[{draft.tag}:{index}:{number}]" + dice.choice(_ODD) + "x" * pad
            texts[index] += said
            content.append(chunk(draft, [{"index": index, "delta": _delta(draft, said, first=number == 0), "finish_reason": None}]))  # fmt: skip
    reason = "tool_calls" if draft.tools else "stop"
    finishes = [chunk(draft, [{"index": index, "delta": {}, "finish_reason": reason}]) for index in texts]
    usage = chunk(draft, [], usage={"prompt_tokens": 3, "completion_tokens": len(content), "total_tokens": 3 + len(content)})  # fmt: skip
    return StreamParts(content, finishes, usage, texts)


def _delta(draft: Draft, said: str, *, first: bool) -> dict[str, Any]:
    role = {"role": "assistant"} if first else {}
    if not draft.tools:
        return {**role, "content": said}
    naming = {"id": f"call_{draft.tag}", "type": "function"} if first else {}
    function = {"name": "tool", "arguments": said} if first else {"arguments": said}
    return {**role, "tool_calls": [{"index": 0, **naming, "function": function}]}


def head(draft: Draft, status: str = "200 OK", kind: str = "application/json", *more: str) -> bytes:
    """The head of an answer."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"x-litellm-call-id: {draft.tag}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def framed(part: bytes) -> bytes:
    """One chunk of HTTP's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(part), part)


def streamed(draft: Draft, events: list[bytes], end: bytes = LAST_CHUNK) -> list[Act]:
    """Events behind the head of a stream, with waits between some of them."""
    acts: list[Act] = [head(draft, "200 OK", "text/event-stream", "transfer-encoding: chunked")]
    for part in events:
        if draft.dice.random() < 0.4:
            acts.append(draft.dice.uniform(0, draft.idle / 8))
        acts.append(framed(part))
    return [*acts, end]


def with_length(draft: Draft, body: bytes, status: str = "200 OK", *more: str, kind: str = "application/json") -> list[Act]:  # fmt: skip
    """A head with a length, and a body."""
    wait = draft.dice.uniform(0, draft.idle / 2)
    return [wait, head(draft, status, kind, f"content-length: {len(body)}", *more) + body]


def whole_body(draft: Draft) -> tuple[bytes, dict[int, str]]:
    """A right completion or right embeddings, and what they say."""
    if draft.kind == "embeddings":
        vectors = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        return json.dumps({"object": "list", "model": f"m-{draft.tag}", "data": vectors, "usage": usage}).encode(), {}
    texts = {index: f"[{draft.tag}:{index}:0]" + draft.dice.choice(_ODD) for index in range(draft.choices)}
    choices = []
    for index, said in texts.items():
        message = {"role": "assistant", "refusal": None, **_delta(draft, said, first=True)}
        message.setdefault("content", None)
        choices.append({"index": index, "logprobs": None, "message": message, "finish_reason": "tool_calls" if draft.tools else "stop"})  # fmt: skip
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    body = {"id": f"chatcmpl-{draft.tag}", "object": "chat.completion", "created": 1_700_000_000, "model": "m", "choices": choices, "usage": usage}  # fmt: skip
    return json.dumps(body).encode(), texts


def fine(draft: Draft) -> Answer:
    """What was asked for, in order and to its end."""
    if draft.kind != "stream":
        body, texts = whole_body(draft)
        acts = with_length(draft, body)
        return Answer(acts=acts, texts=texts, decisive=len(acts[1]) if isinstance(acts[1], bytes) else 0)
    parts = stream_parts(draft)
    events = [*parts.content, *parts.finishes]
    acts = streamed(draft, [*events, parts.usage, DONE])
    decisive = sum(map(len, map(framed, events))) + len(acts[0] if isinstance(acts[0], bytes) else b"")
    return Answer(acts=acts, texts=parts.texts, decisive=decisive)
