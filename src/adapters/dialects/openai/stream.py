"""Streams of this dialect: chunks read, judged and normalised, each kept as the bytes it came in where it was right.

Every caller sees one shape whatever the provider does (all seen 2026-11): one role a choice, one finish reason, tool
calls with index and id, usage once and last, one id, date and model throughout, nothing after the end.
"""

from collections.abc import Callable

import msgspec
from msgspec import UNSET, Raw

from adapters.dialects.openai import rewrite
from adapters.dialects.openai.encode import DIALECT
from adapters.dialects.openai.errors import fault_of
from adapters.dialects.openai.finish import finish_reason
from adapters.dialects.openai.usage import read_cost, read_usage
from adapters.dialects.openai.wire import (
    WireAnswer,
    WireChoice,
    WireFault,
    WireFunction,
    WireSpeech,
    WireToolCall,
    given,
)
from adapters.wire.sse import SseDecoder, SseEvent
from domain.model.completion import FinishReason
from domain.model.document import Carried
from domain.model.errors import GatewayError, UpstreamInvalid
from domain.model.stream import Chunk, Delta, ToolCallDelta
from domain.model.usage import Usage

_CHUNK = msgspec.json.Decoder(WireAnswer)
_DONE = b"[DONE]"
_SILENT = WireSpeech()


class _ChoiceState:
    """What one choice has said so far."""

    def __init__(self) -> None:
        self.finished = False
        self.calls: dict[int, str] = {}


class ChatStreamDecoder:
    """Bytes in, chunks out. Sans-io; feed it every piece of the body, then close it.

    `refuse` turns an error inside the stream into the error to raise. `cost` is in nano-USD once the usage has come.
    """

    def __init__(
        self, model: str, now: float, max_event_bytes: int, refuse: Callable[[WireFault], GatewayError]
    ) -> None:
        self._sse = SseDecoder(max_event_bytes)
        self._refuse = refuse
        self._head = rewrite.Head(id="", created=0, model=model)
        self._now = now
        self._choices: dict[int, _ChoiceState] = {}
        self._usage: Usage | None = None
        self._usage_document: Raw | None = None
        self.cost: int | None = None
        self.done = False
        self._failure: GatewayError | None = None

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that are complete with this piece.

        Raises what `refuse` gives, or UpstreamInvalid; behind good chunks of the same piece only at the next call,
        so that nothing that was said is lost.
        """
        self._raise_failure()
        return self._chunks(self._sse.feed(piece)) if piece else []

    def close(self) -> list[Chunk]:
        """What was still waiting for the end: a last event without its blank line, and the usage."""
        self._raise_failure()
        chunks = self._chunks(self._sse.close())
        if not self.done:
            self.done = True
            chunks.extend(self._usage_chunk())
        return chunks

    def _chunks(self, events: list[SseEvent]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            if self.done:
                break
            if event.data == _DONE:
                self.done = True
                chunks.extend(self._usage_chunk())
                break
            try:
                chunks.extend(self._read(event))
            except GatewayError as failure:
                if not chunks:
                    raise
                self._failure = failure
                break
        return chunks

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _read(self, event: SseEvent) -> list[Chunk]:
        self._raise_unknown(event)
        if not event.data.strip():
            return []
        try:
            wire = _CHUNK.decode(event.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamInvalid("The provider sent a malformed chunk.") from error
        if given(wire.error) is not None:
            raise self._refuse(fault_of(wire.error))
        self._note_usage(wire.usage)
        if not wire.choices:
            self._note_head(wire)
            return []
        return self._chunk(wire, wire.choices, event.data)

    def _raise_unknown(self, event: SseEvent) -> None:
        # GPUStack ends a failed stream with a line `error: {...}` instead of data (seen 2026-11).
        for name, value in event.unknown:
            if name == b"error":
                raise self._refuse(fault_of(Raw(value)))
        if event.name == b"error" and not event.data.lstrip().startswith(b"{"):
            raise self._refuse(WireFault())

    def _chunk(self, wire: WireAnswer, choices: list[WireChoice], data: bytes) -> list[Chunk]:
        clean = self._note_head(wire) and given(wire.usage) is None
        deltas: list[Delta] = []
        edits: list[rewrite.Edit | None] = []
        for position, choice in enumerate(choices):
            delta, edit = self._delta(position, choice)
            clean = clean and edit is rewrite.UNCHANGED
            edits.append(edit)
            if delta is not None:
                deltas.append(delta)
        if not deltas:
            return []
        body = data if clean else rewrite.chunk(data, self._head, edits)
        return [self._made(tuple(deltas), body, wire)]

    def _made(
        self, deltas: tuple[Delta, ...], body: bytes, wire: WireAnswer | None, usage: Usage | None = None
    ) -> Chunk:
        head = self._head
        return Chunk(
            id=head.id,
            created=head.created,
            model=head.model,
            deltas=deltas,
            usage=usage,
            system_fingerprint=wire.system_fingerprint if wire else None,
            service_tier=wire.service_tier if wire else None,
            carried=Carried(DIALECT, body),
        )

    def _note_head(self, wire: WireAnswer) -> bool:
        """Keep the first id, date and model; says whether this chunk's head was the same."""
        head = self._head
        if not head.id and wire.choices:
            created = int(wire.created or self._now)
            head = rewrite.Head(wire.id or f"chatcmpl-{created}", created, wire.model or head.model)
            self._head = head
        return wire.id == head.id and wire.created == head.created and wire.model == head.model

    def _note_usage(self, raw: Raw) -> None:
        usage = read_usage(raw)
        if usage is not None:  # the last one counts: some repeat it, growing (Perplexity)
            self._usage, self._usage_document = usage, raw.copy()
            self.cost = read_cost(raw)

    def _usage_chunk(self) -> list[Chunk]:
        if self._usage is None or self._usage_document is None or not self._head.id:
            return []
        if self._usage.source == "unknown":  # nonsense is left out: unknown is better than wrong
            return []
        return [self._made((), rewrite.usage_chunk(self._head, self._usage_document), None, self._usage)]

    def _delta(self, position: int, wire: WireChoice) -> tuple[Delta | None, rewrite.Edit | None]:
        index = position if wire.index is None else wire.index
        state = self._choices.get(index)
        first = state is None
        if state is None:
            state = self._choices[index] = _ChoiceState()
        if state.finished:
            return None, None
        speech = wire.delta or _SILENT
        calls, calls_clean = self._calls(state, speech.tool_calls or [])
        reason = finish_reason(wire.finish_reason if isinstance(wire.finish_reason, str) else None)
        state.finished = reason is not None
        edit = self._edit(wire, index, first=first, reason=reason, calls=None if calls_clean else calls)
        return _delta(index, speech, calls, wire, role=first, reason=reason), edit

    @staticmethod
    def _edit(
        wire: WireChoice, index: int, *, first: bool, reason: FinishReason | None, calls: list[ToolCallDelta] | None
    ) -> rewrite.Edit:
        role = wire.delta.role if wire.delta is not None else None
        word = None if wire.finish_reason is UNSET else wire.finish_reason
        right = (
            wire.index is not None
            and wire.delta is not None
            and wire.finish_reason is not UNSET
            and word == reason
            and (role == "assistant" if first else role is None)
            and calls is None
        )
        return (
            rewrite.UNCHANGED
            if right
            else rewrite.Edit(index, first, reason, None if calls is None else tuple(calls))
        )

    @staticmethod
    def _calls(state: _ChoiceState, wires: list[WireToolCall]) -> tuple[list[ToolCallDelta], bool]:
        deltas, clean = [], True
        for wire in wires:
            index = _call_index(state, wire)
            known = index in state.calls
            call_id = None if known else wire.id or f"call_{index}"
            if call_id is not None:
                state.calls[index] = call_id
            clean = (
                clean and wire.index == index and (known or wire.id == call_id) and (known or wire.type is not None)
            )
            deltas.append(_call_delta(index, call_id, wire))
        return deltas, clean


def _call_index(state: _ChoiceState, wire: WireToolCall) -> int:
    """Its own index; without one (older Mistral) a new id begins a call, anything else goes on with the last."""
    if wire.index is not None:
        return wire.index
    for index, call_id in state.calls.items():
        if wire.id and call_id == wire.id:
            return index
    last = max(state.calls, default=-1)
    return last + 1 if wire.id or last < 0 else last


def _call_delta(index: int, call_id: str | None, wire: WireToolCall) -> ToolCallDelta:
    custom = wire.custom is not None
    inner = wire.custom or wire.function or WireFunction()
    text = inner.input if custom else inner.arguments
    return ToolCallDelta(index=index, id=call_id, name=inner.name or None, arguments=text or "", custom=custom)


def _delta(
    index: int,
    speech: WireSpeech,
    calls: list[ToolCallDelta],
    wire: WireChoice,
    *,
    role: bool,
    reason: FinishReason | None,
) -> Delta:
    legacy = speech.function_call
    return Delta(
        index=index,
        role=role,
        content=speech.content,
        refusal=speech.refusal,
        reasoning=speech.thinking,
        tool_calls=tuple(calls),
        function_call=None
        if legacy is None
        else ToolCallDelta(index=0, name=legacy.name, arguments=legacy.arguments or ""),
        finish_reason=reason,
        logprobs=None if given(wire.logprobs) is None else wire.logprobs.copy(),
    )
