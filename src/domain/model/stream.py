"""An answer in pieces: chunks, their fold into a completion and the split of a completion into chunks.

`fold(split(completion)) == completion` for every completion that carries no document (proven in the tests).
"""

from collections.abc import Iterable

from msgspec import Raw, Struct

from domain.model.chat import CustomCall, FunctionCall, ToolCall
from domain.model.completion import Choice, Completion, FinishReason, Provenance, Reply
from domain.model.document import Carried
from domain.model.errors import UpstreamTruncated
from domain.model.usage import UNKNOWN_USAGE, Usage


class ToolCallDelta(Struct, frozen=True, kw_only=True):
    """A piece of the tool call at `index`; only its first piece has `id` and `name`."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    custom: bool = False


class Delta(Struct, frozen=True, kw_only=True):
    """What one chunk adds to one choice. `role` is on the choice's first chunk only."""

    index: int
    role: bool = False
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()
    function_call: ToolCallDelta | None = None
    finish_reason: FinishReason | None = None
    logprobs: Raw | None = None

    @property
    def has_content(self) -> bool:
        """Does it say anything? A role or an empty string does not."""
        return bool(
            self.content or self.refusal or self.reasoning or self.tool_calls or self.function_call is not None
        )


class Chunk(Struct, frozen=True, kw_only=True):
    """One event of a stream. The chunk with `usage` and no deltas is the usage chunk: last, at most once."""

    id: str
    created: int
    model: str
    deltas: tuple[Delta, ...] = ()
    usage: Usage | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    carried: Carried | None = None


def split(completion: Completion) -> list[Chunk]:
    """The chunks a provider would have sent for it: choice by choice, finish reasons, then usage."""
    head = (completion.id, completion.created, completion.model)
    fingerprint, tier = completion.system_fingerprint, completion.service_tier

    def chunk(delta: Delta | None, usage: Usage | None = None) -> Chunk:
        return Chunk(
            id=head[0],
            created=head[1],
            model=head[2],
            deltas=() if delta is None else (delta,),
            usage=usage,
            system_fingerprint=fingerprint,
            service_tier=tier,
        )

    chunks = [chunk(delta) for choice in completion.choices for delta in _deltas(choice)]
    if completion.usage.source != "unknown":
        chunks.append(chunk(None, completion.usage))
    return chunks


def _deltas(choice: Choice) -> list[Delta]:
    index, reply = choice.index, choice.reply
    deltas = [Delta(index=index, role=True, logprobs=choice.logprobs)]
    if reply.reasoning is not None:
        deltas.append(Delta(index=index, reasoning=reply.reasoning))
    if reply.content is not None:
        deltas.append(Delta(index=index, content=reply.content))
    if reply.refusal is not None:
        deltas.append(Delta(index=index, refusal=reply.refusal))
    deltas.extend(
        Delta(index=index, tool_calls=(_call_delta(position, call),))
        for position, call in enumerate(reply.tool_calls)
    )
    if reply.function_call is not None:
        legacy = ToolCallDelta(index=0, name=reply.function_call.name, arguments=reply.function_call.arguments)
        deltas.append(Delta(index=index, function_call=legacy))
    deltas.append(Delta(index=index, finish_reason=choice.finish_reason))
    return deltas


def _call_delta(position: int, call: ToolCall) -> ToolCallDelta:
    if isinstance(call.custom, CustomCall):
        return ToolCallDelta(
            index=position, id=call.id, name=call.custom.name, arguments=call.custom.input, custom=True
        )
    function = call.function if isinstance(call.function, FunctionCall) else FunctionCall(name="", arguments="")
    return ToolCallDelta(index=position, id=call.id, name=function.name, arguments=function.arguments)


class _Call:
    """A tool call while it is put together."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.custom = False
        self.arguments: list[str] = []

    def add(self, piece: ToolCallDelta) -> None:
        # An empty or null id or name in a later piece must not overwrite the first (seen 2026-11).
        self.id = self.id or piece.id or ""
        self.name = self.name or piece.name or ""
        self.custom = self.custom or piece.custom
        self.arguments.append(piece.arguments)

    def done(self) -> ToolCall:
        text = "".join(self.arguments)
        if self.custom:
            return ToolCall(id=self.id, type="custom", custom=CustomCall(name=self.name, input=text))
        return ToolCall(id=self.id, function=FunctionCall(name=self.name, arguments=text))


class _ChoiceFold:
    """One choice while it is put together."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.texts: dict[str, list[str]] = {}
        self.calls: dict[int, _Call] = {}
        self.legacy: _Call | None = None
        self.finish: FinishReason | None = None
        self.logprobs: Raw | None = None

    def add(self, delta: Delta) -> None:
        for name in ("content", "refusal", "reasoning"):
            text = getattr(delta, name)
            if text is not None:
                self.texts.setdefault(name, []).append(text)
        for piece in delta.tool_calls:
            self.calls.setdefault(piece.index, _Call()).add(piece)
        if delta.function_call is not None:
            self.legacy = self.legacy or _Call()
            self.legacy.add(delta.function_call)
        self.finish = self.finish or delta.finish_reason
        self.logprobs = self.logprobs or delta.logprobs

    def done(self) -> Choice:
        if self.finish is None:
            raise UpstreamTruncated(f"The stream ended before choice {self.index} was finished.")
        texts = {name: "".join(parts) for name, parts in self.texts.items()}
        legacy = self.legacy.done().function if self.legacy else None
        reply = Reply(
            content=texts.get("content"),
            refusal=texts.get("refusal"),
            reasoning=texts.get("reasoning"),
            tool_calls=tuple(self.calls[index].done() for index in sorted(self.calls)),
            function_call=legacy if isinstance(legacy, FunctionCall) else None,
        )
        return Choice(index=self.index, reply=reply, finish_reason=self.finish, logprobs=self.logprobs)


def fold(chunks: Iterable[Chunk], provenance: Provenance) -> Completion:
    """The completion that the chunks add up to.

    Raises UpstreamTruncated where a choice has no finish reason, or where there is no choice at all.
    """
    choices: dict[int, _ChoiceFold] = {}
    usage, first, last = UNKNOWN_USAGE, None, None
    for chunk in chunks:
        first, last = first or chunk, chunk
        usage = chunk.usage or usage
        for delta in chunk.deltas:
            choices.setdefault(delta.index, _ChoiceFold(delta.index)).add(delta)
    if first is None or last is None or not choices:
        raise UpstreamTruncated("The stream ended before it began.")
    return Completion(
        id=first.id,
        created=first.created,
        model=first.model,
        choices=tuple(choices[index].done() for index in sorted(choices)),
        usage=usage,
        provenance=provenance,
        system_fingerprint=last.system_fingerprint,
        service_tier=last.service_tier,
    )
