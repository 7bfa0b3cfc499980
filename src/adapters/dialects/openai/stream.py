"""Streams of this dialect: chunks read, judged and normalised, each kept as the bytes it came in where it was right.

Every caller sees one shape whatever the provider does (all seen 2026-11): one role a choice, one finish reason, tool
calls with index and id, usage once and last, one id, date and model throughout, nothing after the end.
"""

from collections.abc import Callable

import msgspec
from msgspec import Raw

from adapters.dialects.openai import rewrite
from adapters.dialects.openai.encode import DIALECT
from adapters.dialects.openai.errors import fault_of
from adapters.dialects.openai.stream_choices import StreamChoices
from adapters.dialects.openai.usage import read_and_mend_usage, read_cost
from adapters.dialects.openai.wire import UNDECODABLE, WireAnswer, WireChoice, WireFault, check_text, given
from adapters.wire.sse import SseDecoder, SseEvent
from domain.model.document import Carried
from domain.model.errors import GatewayError, UpstreamInvalid
from domain.model.stream import Chunk, Delta
from domain.model.usage import Usage
from domain.policies.structure import PIECE, Structure, TooMuchStructure, pieces

_CHUNK = msgspec.json.Decoder(WireAnswer)
_DONE = b"[DONE]"
_MOST_LEVELS = 512  # of a long event; short ones are bounded by their length


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
        self._choices = StreamChoices()
        self._usage: Usage | None = None
        self._told_usage: Raw | None = None
        self.cost: int | None = None
        self.done = False
        self._failure: GatewayError | None = None

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that are complete with this piece.

        Raises what `refuse` gives, or UpstreamInvalid; behind good chunks of the same piece only at the next call,
        so that nothing that was said is lost.
        """
        self._raise_failure()
        if piece:
            return self._chunks(self._sse.feed(piece))
        self._sse.raise_failure()
        return []

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
        if event.name is not None or event.unknown:
            self._raise_unknown(event)
        if not event.data or event.data.isspace():
            return []
        if len(event.data) > PIECE:
            _refuse_structure(event.data)
        try:
            check_text(event.data)
            return self._read_chunk(event.data)
        except UNDECODABLE as error:  # what was read once may be nested too deeply to be read again
            raise UpstreamInvalid("The provider sent a malformed chunk.") from error

    def _read_chunk(self, data: bytes) -> list[Chunk]:
        wire = _CHUNK.decode(data)
        if given(wire.error) is not None:
            raise self._refuse(fault_of(wire.error))
        has_usage = given(wire.usage) is not None
        if has_usage:
            self._note_usage(wire.usage)
        if not wire.choices:
            self._note_head(wire)
            return []
        return self._chunk(wire, wire.choices, data, has_usage=has_usage)

    def _raise_unknown(self, event: SseEvent) -> None:
        # GPUStack ends a failed stream with a line `error: {...}` instead of data (seen 2026-11).
        for name, value in event.unknown:
            if name == b"error":
                raise self._refuse(fault_of(Raw(value)))
        if event.name == b"error" and not event.data.lstrip().startswith(b"{"):
            raise self._refuse(WireFault())

    def _chunk(self, wire: WireAnswer, choices: list[WireChoice], data: bytes, *, has_usage: bool) -> list[Chunk]:
        clean = self._note_head(wire) and not has_usage
        if clean and len(choices) == 1:
            going_on = self._choices.going_on(choices[0])
            body = data if going_on is None or choices[0].finish_reason is None else rewrite.with_null_reason(data)
            if going_on is not None and body is not None:
                return [self._made((going_on,), body, wire)]
        deltas: list[Delta] = []
        edits: list[rewrite.Edit | None] = []
        for position, choice in enumerate(choices):
            delta, edit = self._choices.delta(position, choice)
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
        """Keep the first id, date and model; says whether this chunk's head was the same and right."""
        head = self._head
        if not head.id and wire.choices:
            created = int(wire.created or self._now)
            head = rewrite.Head(wire.id or f"chatcmpl-{created}", created, wire.model or head.model)
            self._head = head
        return (
            wire.id == head.id
            and wire.created == head.created
            and wire.model == head.model
            and wire.object == rewrite.OBJECT
        )

    def _note_usage(self, raw: Raw) -> None:
        usage, told = read_and_mend_usage(raw)
        if usage is not None:  # the last one counts: some repeat it, growing (Perplexity)
            self._usage, self._told_usage = usage, None if told is None else told.copy()
            self.cost = read_cost(raw)

    def _usage_chunk(self) -> list[Chunk]:
        if self._told_usage is None or not self._head.id:  # nonsense is left out: unknown is better than wrong
            return []
        return [self._made((), rewrite.usage_chunk(self._head, self._told_usage), None, self._usage)]


def _refuse_structure(data: bytes) -> None:
    structure = Structure(_MOST_LEVELS)
    try:
        for piece in pieces(data):
            structure.see(piece)
    except TooMuchStructure as error:
        raise UpstreamInvalid("The provider sent a chunk of more structure than a chunk can have.") from error
