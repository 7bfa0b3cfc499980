"""The choices of a stream: what each has said so far, and what the next chunk adds to it."""

from msgspec import UNSET

from adapters.dialects.openai import rewrite
from adapters.dialects.openai.finish import finish_reason
from adapters.dialects.openai.wire import WireChoice, WireFunction, WireSpeech, WireToolCall, given
from domain.model.completion import FinishReason
from domain.model.errors import UpstreamInvalid
from domain.model.stream import Delta, ToolCallDelta

_SILENT = WireSpeech()
_MOST_CHOICES = 128  # what anybody can ask for
_MOST_CALLS = 1024  # of one choice
_KINDS = ("function", "custom")


class _State:
    """What one choice has said so far: the ids of its tool calls by index, and the other way round."""

    def __init__(self) -> None:
        self.finished = False
        self.calls: dict[int, str] = {}
        self.indexes: dict[str, int] = {}
        self.last = -1  # the highest index

    def begin_call(self, index: int, call_id: str) -> None:
        """A call that was not known. Raises UpstreamInvalid where there are more than anybody makes."""
        if len(self.calls) >= _MOST_CALLS:
            raise UpstreamInvalid("The provider's answer has too many tool calls.")
        self.calls[index] = call_id
        self.indexes.setdefault(call_id, index)
        self.last = max(self.last, index)


class StreamChoices:
    """All choices of one stream, by index."""

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}

    def going_on(self, wire: WireChoice) -> Delta | None:
        """What a choice that has begun adds where it only says more, as it does in nearly all chunks; else None."""
        speech = wire.delta
        if (
            speech is None
            or not (wire.finish_reason is None or wire.finish_reason is UNSET)
            or speech.role is not None
            or speech.tool_calls is not None
            or speech.function_call is not None
        ):
            return None
        state = None if wire.index is None else self._states.get(wire.index)
        if wire.index is None or state is None or state.finished:
            return None
        return Delta(
            index=wire.index,
            content=speech.content,
            refusal=speech.refusal,
            reasoning=speech.thinking,
            logprobs=None if given(wire.logprobs) is None else wire.logprobs.copy(),
        )

    def delta(self, position: int, wire: WireChoice) -> tuple[Delta | None, rewrite.Edit | None]:
        """What a choice adds, and how its JSON has to be edited; nothing of one that has ended."""
        index = position if wire.index is None else wire.index
        state = self._states.get(index)
        first = state is None
        if state is None:
            if len(self._states) >= _MOST_CHOICES:
                raise UpstreamInvalid("The provider's answer has too many choices.")
            state = self._states[index] = _State()
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
    def _calls(state: _State, wires: list[WireToolCall]) -> tuple[list[ToolCallDelta], bool]:
        deltas, clean = [], True
        for wire in wires:
            index = _call_index(state, wire)
            known = index in state.calls
            call_id = None if known else wire.id or f"call_{index}"
            if call_id is not None:
                state.begin_call(index, call_id)
            right = known if wire.type is None else wire.type in _KINDS
            clean = clean and right and wire.index == index and (known or wire.id == call_id)
            deltas.append(_call_delta(index, call_id, wire))
        return deltas, clean


def _call_index(state: _State, wire: WireToolCall) -> int:
    """Its own index; without one (older Mistral) a new id begins a call, anything else goes on with the last."""
    if wire.index is not None:
        return wire.index
    if wire.id and wire.id in state.indexes:
        return state.indexes[wire.id]
    return state.last + 1 if wire.id or state.last < 0 else state.last


def _call_delta(index: int, call_id: str | None, wire: WireToolCall) -> ToolCallDelta:
    custom = wire.custom is not None or (wire.function is None and wire.type == "custom")
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
