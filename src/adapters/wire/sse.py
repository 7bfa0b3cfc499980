"""Server-sent events, decoded (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).

Two deviations, both because providers do it: an event whose last blank line is missing counts when the stream ends,
and fields that the specification ignores are kept, since a failed stream may tell of it in a field of its own.
"""

import re

from msgspec import Struct

from domain.model.errors import UpstreamInvalid

_DATA = b"data: "
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_IGNORED = frozenset({b"id", b"retry"})
_MOST_UNKNOWN = 16  # fields of an event that are kept: each takes many times the memory of its bytes


class SseEvent(Struct, frozen=True):
    """One event: its name if it has one, its data, and its fields of unknown name in order."""

    data: bytes
    name: bytes | None = None
    unknown: tuple[tuple[bytes, bytes], ...] = ()


class SseDecoder:
    """Feed it the pieces of a body, then close it. Takes time linear in the bytes, whatever the split.

    Raises UpstreamInvalid when one event grows beyond `max_event_bytes`, as soon as it does. `comments` counts
    comment lines: they say nothing, but they say that somebody is there.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._max = max_event_bytes
        self._partial = bytearray()  # the line that has not ended yet
        self._skip_lf = False  # the last piece ended with CR; a LF now belongs to it
        self._at_start = True
        self._data: list[bytes] = []
        self._name: bytes | None = None
        self._unknown: list[tuple[bytes, bytes]] = []
        self._size = 0
        self._failure: UpstreamInvalid | None = None
        self.comments = 0

    def feed(self, piece: bytes) -> list[SseEvent]:
        """The events that are complete with this piece. A failure behind good events is raised by the next call."""
        self.raise_failure()
        if self._at_start:
            piece = self._without_bom(piece)
        if self._skip_lf and piece:
            self._skip_lf = False
            if piece[:1] == b"\n":
                piece = piece[1:]
        if not piece:
            return []
        events: list[SseEvent] = []
        try:
            if b"\r" in piece or self._partial or self._size:
                self._take_lines(piece, events)
            else:
                self._take_blocks(piece, events)
        except UpstreamInvalid as failure:
            if not events:
                raise
            self._failure = failure
        return events

    def close(self) -> list[SseEvent]:
        """The event that was still waiting for its blank line, if any."""
        self.raise_failure()
        events: list[SseEvent] = []
        if self._partial:
            self._line(bytes(self._partial), events)
            self._partial = bytearray()
        self._line(b"", events)
        return events

    def raise_failure(self) -> None:
        """Raise what stood behind the events that were given last."""
        if self._failure is not None:
            raise self._failure

    def _take_lines(self, piece: bytes, events: list[SseEvent]) -> None:
        self._skip_lf = piece[-1:] == b"\r"
        lines = piece.split(b"\n") if b"\r" not in piece else _LINE_END.split(piece)
        rest = lines.pop()
        if lines and self._partial:
            self._partial += lines[0]
            lines[0] = bytes(self._partial)
            self._partial = bytearray()
        for line in lines:
            self._line(line, events)
        if rest:
            self._partial += rest
            self._bound(len(self._partial))

    def _take_blocks(self, piece: bytes, events: list[SseEvent]) -> None:
        """The same for a piece that begins with an event and has plain line ends, as nearly all have."""
        *blocks, rest = piece.split(b"\n\n")
        for block in blocks:
            if block[:6] == _DATA and b"\n" not in block:
                self._bound(len(block))
                events.append(SseEvent(block[6:]))
            else:
                for line in block.split(b"\n"):
                    self._line(line, events)
                self._line(b"", events)
        if rest:
            self._take_lines(rest, events)

    def _without_bom(self, piece: bytes) -> bytes:
        head = bytes(self._partial) + piece
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._partial = bytearray(head)
            return b""
        self._at_start = False
        self._partial = bytearray()
        return head.removeprefix(_BOM)

    def _line(self, line: bytes, events: list[SseEvent]) -> None:
        if not line:
            if self._data or self._unknown:
                events.append(SseEvent(b"\n".join(self._data), self._name, tuple(self._unknown)))
            self._begin_event()
            return
        self._size += len(line)
        self._bound(0)
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
        elif not name:
            self.comments += 1
        elif name == b"event":
            self._name = value
        elif name not in _IGNORED and len(self._unknown) < _MOST_UNKNOWN:
            self._unknown.append((name, value))

    def _begin_event(self) -> None:
        self._data = []
        self._name = None
        self._unknown = []
        self._size = 0

    def _bound(self, more: int) -> None:
        if self._size + more > self._max:
            raise UpstreamInvalid("The provider sent an event that is too large.")
