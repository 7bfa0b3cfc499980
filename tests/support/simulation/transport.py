"""One end of a simulated connection: asyncio's transport, over a line each way."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, cast

from typing_extensions import override

from support.simulation.line import Line, Mark, Parcel, Weather
from support.simulation.loop import VirtualLoop, chance
from support.simulation.trace import Trace

_READ: Final = 256 * 1024  # what asyncio reads at once
_HIGH: Final = 64 * 1024


class SimTransport(asyncio.Transport):
    """Implements asyncio.Transport. `peer` is the other end.

    `most_unsent` is the most that ever waited here, `reads` how much had been read at each write, by its
    place in all that was written.
    `left_at` is when the peer's end (or reset) had come here, `unsent_then` what could not be told it at that time.
    """

    def __init__(self, loop: VirtualLoop, trace: Trace, weather: Weather, name: str, key: str) -> None:
        number = int(key.rsplit("/", maxsplit=1)[1])
        super().__init__({"sockname": ("10.0.0.1", 8002), "peername": ("10.0.0.2", 1 + number)})
        self._loop = loop
        self._trace = trace
        self._lazy = weather.lazy
        self.name = name
        self.peer: SimTransport = self
        self._line = Line(loop, weather, chance(key, name), self._hand_over)
        self._protocol: asyncio.Protocol | None = None
        self._inbox = bytearray()
        self._high, self._low = _HIGH, _HIGH // 4
        self._reading = True
        self._soon: set[str] = set()  # what is to be done in the next turn already
        self._writer_paused = False
        self._closing = False
        self._lost = False  # connection_lost is called, or about to be
        self._wants_eof = self._eof_sent = self._reset_sent = False
        self._got_fin = self._got_reset = self._told_eof = False
        self.left_at: float | None = None
        self.unsent_then = 0
        self.read_bytes = self.most_unsent = self._written = 0
        self.reads: dict[int, int] = {}
        self.last_read_at = self._unread_since = 0.0

    def open(self, protocol: asyncio.BaseProtocol) -> None:
        """The connection is there: tell its protocol."""
        self._protocol = cast(asyncio.Protocol, protocol)
        self._trace.note(self.name, "open")
        protocol.connection_made(self)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return not self._lost and self._protocol is not None

    @property
    def unread_for(self) -> float:
        """How long something has been waiting to be read."""
        return self._loop.time() - self._unread_since if self._inbox else 0.0

    # What protocols call.

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._wants_eof:
            raise RuntimeError("written behind the end")
        if self._lost or not data:
            return
        self._line.unsent += data
        self.reads[self._written] = self.read_bytes
        self._written += len(data)
        if self._lazy:
            self._pump_soon()
        else:
            self._pump()
        self.most_unsent = max(self.most_unsent, len(self._line.unsent))
        if len(self._line.unsent) > self._high and not self._writer_paused and self._protocol is not None:
            self._writer_paused = True
            self._protocol.pause_writing()

    @override
    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def write_eof(self) -> None:
        if not (self._closing or self._wants_eof):
            self._wants_eof = True
            self._pump()

    @override
    def pause_reading(self) -> None:
        self._reading = False

    @override
    def resume_reading(self) -> None:
        if not self._closing:
            self._reading = True
            self._read_soon()

    @override
    def is_reading(self) -> bool:
        return self._reading and not self._closing

    @override
    def is_closing(self) -> bool:
        return self._closing

    @override
    def get_write_buffer_size(self) -> int:
        return len(self._line.unsent)

    @override
    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = _HIGH if high is None else high
        self._low = self._high // 4 if low is None else low

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast(asyncio.Protocol, self._protocol)

    @override
    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._trace.note(self.name, f"closes with {len(self._line.unsent)} unsent")
            if not self._line.unsent:
                self._lose(None)

    @override
    def abort(self) -> None:
        if not self._lost:
            self._trace.note(self.name, "aborts")
        self._lose(None)

    # What only the simulated world calls.

    def reset(self) -> None:
        """Close as with SO_LINGER 0: what is unsent or under way may never come."""
        self._trace.note(self.name, "resets")
        self._line.lose()
        self._inbox += b"unread"
        self._lose(None)

    def hurry(self) -> None:
        """All that is under way to the peer arrives now."""
        self._line.hurry()

    # Sending.

    def _pump_soon(self) -> None:
        if "pump" not in self._soon:
            self._soon.add("pump")
            self._loop.call_soon(self._pump_and_resume)

    def _pump_and_resume(self) -> None:
        self._soon.discard("pump")
        self._pump()
        if self._writer_paused and not self._lost and len(self._line.unsent) <= self._low:
            self._writer_paused = False
            self.get_protocol().resume_writing()

    def _pump(self) -> None:
        if self._got_reset:
            self._lose(ConnectionResetError("reset by peer"))
        if self._lost:
            return
        self._line.push()
        if self._line.unsent:
            return
        if self._wants_eof and not self._eof_sent:
            self._eof_sent = True
            self._line.mark(Mark.FIN)
        if self._closing:
            self._lose(None)

    def acknowledge(self, size: int) -> None:
        """The peer has read so much."""
        self._line.read(size)
        self._pump_and_resume()

    def _hand_over(self, parcel: Parcel) -> None:
        self.peer.receive(parcel)

    # Receiving.

    def receive(self, parcel: Parcel) -> None:
        """Something has come over the line."""
        if isinstance(parcel, Mark):
            self._note_leaving(parcel)
        elif self._lost:
            self._answer_with_reset()
            return
        else:
            self._unread_since = self._unread_since if self._inbox else self._loop.time()
            self._inbox += parcel
        self._read_soon()

    def _note_leaving(self, mark: Mark) -> None:
        if self.left_at is None:
            self.left_at, self.unsent_then = self._loop.time(), len(self._line.unsent)
            self._trace.note(self.name, f"hears of {mark.value}")
        if mark is Mark.FIN:
            self._got_fin = True
            return
        self._got_reset = True
        if self._line.unsent:  # whoever waits to write is told at once
            self._pump_soon()

    def _answer_with_reset(self) -> None:
        if not self._reset_sent:
            self._reset_sent = True
            self._line.mark(Mark.RST)

    def _read_soon(self) -> None:
        if "read" not in self._soon:
            self._soon.add("read")
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._soon.discard("read")
        if not self._reading or self._closing or self._protocol is None:
            return
        if self._inbox:
            data = bytes(self._inbox[:_READ])
            del self._inbox[: len(data)]
            self.read_bytes += len(data)
            self.last_read_at = self._loop.time()
            self._trace.note(self.name, "reads", data)
            self._loop.call_at(self._line.delay(), self.peer.acknowledge, len(data))
            self._protocol.data_received(data)
            self._read_soon()
        elif self._got_reset:
            self._lose(ConnectionResetError("reset by peer"))
        elif self._got_fin and not self._told_eof:
            self._told_eof = True
            if not self._protocol.eof_received():
                self.close()

    # Ending.

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self._line.unsent.clear()
        if self._inbox and not self._got_reset:  # what a kernel says when what it had was never read
            self._answer_with_reset()
        elif not (self._got_reset or self._eof_sent):
            self._line.mark(Mark.FIN)
        self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: Exception | None) -> None:
        self._trace.note(self.name, f"is lost {type(error).__name__ if error else ''}")
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(error)
