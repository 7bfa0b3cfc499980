"""Server-sent events as the specification has them, read from a whole body: short, and nothing of ours in it.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from msgspec import Struct

BOM = b"\xef\xbb\xbf"


class Read(Struct, frozen=True):
    """One event: its data, its name, and its fields that the specification ignores."""

    data: bytes
    name: bytes = b""
    ignored: tuple[tuple[bytes, bytes], ...] = ()


class Stream(Struct, frozen=True):
    """What was dispatched, and what stood behind the last blank line, which the specification drops."""

    events: list[Read]
    rest: Read | None


def read_stream(body: bytes) -> Stream:
    """The events of a body, empty data buffers included where a field of an unknown name stands."""
    text = body[len(BOM) :] if body[: len(BOM)] == BOM else body
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    events: list[Read] = []
    block: list[bytes] = []
    for line in lines[:-1]:
        if line:
            block.append(line)
        else:
            events.extend(_dispatch(block))
            block = []
    rest = _dispatch([*block, lines[-1]])
    return Stream(events, rest[0] if rest else None)


def _dispatch(block: list[bytes]) -> list[Read]:
    data: list[bytes] = []
    ignored: list[tuple[bytes, bytes]] = []
    name = b""
    for line in block:
        if line[:1] == b":":
            continue
        field, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field and field not in (b"id", b"retry"):
            ignored.append((field, value))
    if data or ignored:
        return [Read(b"\n".join(data), name, tuple(ignored))]
    return []
