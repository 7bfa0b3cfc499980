"""Whoever writes a line never waits, whatever is at the other end; every line arrives whole and in order, or is counted."""

import json
import os
import re
import resource
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.observer import line_writer
from adapters.observer.line_writer import MOST_BYTES, MOST_LINES, LineWriter, standard_output
from adapters.observer.logs import LoggingObserver
from domain.model.call import Call
from support.builders import SettlementFactory

THREAD = "log lines"
WAYS = ["told not to wait", "looks first"]


class Pipe:
    """A pipe with a writer at one end; the other is read when a test says so."""

    def __init__(self, way: str) -> None:
        self.reader, self._descriptor = os.pipe()
        self.writer = LineWriter(self._descriptor)
        if way == "looks first":  # as before Linux 6.4
            self.writer._no_wait = None

    def fill(self) -> int:
        """Write until a line is queued; how many lines there are."""
        for number in range(1, 10_000):
            self.writer.write(b'{"filler":%d,"%s":1}\n' % (number, b"x" * 100))
            if self.writer._queue:
                return number
        raise AssertionError("a pipe without end")

    def lines_until(self, last: bytes) -> list[bytes]:
        """Read lines up to the one that holds `last`."""
        found = b""
        while last not in found or not found.endswith(b"\n"):
            assert select.select([self.reader], [], [], 10)[0], found[-500:]
            found += os.read(self.reader, 1_000_000)
        return found.splitlines(keepends=True)

    def all_lines(self) -> list[bytes]:
        """What is in the pipe now."""
        os.set_blocking(self.reader, False)
        return os.read(self.reader, 1_000_000).splitlines(keepends=True)


@pytest.fixture(params=WAYS)
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    made = Pipe(request.param)
    yield made
    os.close(made.reader)
    made.writer.close()
    os.close(made._descriptor)


def writing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


def within(seconds: float, work: threading.Thread) -> None:
    """`work` ends within so many seconds: a bound on hanging, not on speed."""
    work.start()
    work.join(seconds)
    assert not work.is_alive()


def test_a_line_is_out_at_once_and_no_thread_is_needed(pipe: Pipe) -> None:
    for number in range(100):
        pipe.writer.write(b"%d\n" % number)
        assert os.read(pipe.reader, 100) == b"%d\n" % number
    assert writing_threads() == []


def test_a_request_never_waits_for_a_pipe_that_nobody_reads(pipe: Pipe) -> None:
    count = 50_000
    observer = LoggingObserver("info", "json", pipe.writer.write)
    settled = SettlementFactory.build(operation="chat", outcome="ok")

    def settle_all() -> None:
        for number in range(count):
            observer.settled(replace(settled, call=Call(id=f"r-{number}", caller="k", started=1.0, deadline=2.0)))

    within(60, threading.Thread(target=settle_all, daemon=True))
    writer = pipe.writer
    assert len(writer._queue) <= MOST_LINES
    assert sum(len(line.data) for line in writer._queue) == writer._queued <= MOST_BYTES
    assert len(writing_threads()) == 1
    assert writer.lost > count / 2

    told = [json.loads(line) for line in pipe.lines_until(b"log_lines_lost")]
    assert [line["request_id"] for line in told[:-1]] == [f"r-{number}" for number in range(count - writer.lost)]
    assert told[-1] == {"event": "log_lines_lost", "count": writer.lost, "level": "warning"}
    lost = writer.lost
    writer.write(b"as ever\n")
    assert pipe.lines_until(b"as ever") == [b"as ever\n"]
    assert (writer.lost, writer._queued, len(writer._queue)) == (lost, 0, 0)


def test_the_thread_ends_when_nothing_is_left_to_wait_for(pipe: Pipe) -> None:
    for _ in range(3):
        pipe.fill()
        (thread,) = writing_threads()
        pipe.writer.write(b"last\n")
        pipe.lines_until(b"last")
        thread.join(10)
        assert not thread.is_alive()


def test_lines_of_any_length_from_any_thread_stay_whole_and_in_their_order(pipe: Pipe) -> None:
    lengths = (10, 4095, 4096, 4097, 70_000, 200_000)
    threads = "abcd"

    def write_all(name: str) -> None:
        for number, length in enumerate(lengths * 3):
            pipe.writer.write(f"{name}{number}".encode() + b"." * length + b"\n")

    running = [threading.Thread(target=write_all, args=(name,), daemon=True) for name in threads]
    for thread in running:
        thread.start()
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in threads}
    rest = b""
    while sum(map(len, found.values())) < len(threads) * len(lengths) * 3:
        assert select.select([pipe.reader], [], [], 10)[0]
        *lines, rest = (rest + os.read(pipe.reader, 50_000)).split(b"\n")
        for line in lines:
            whole = re.fullmatch(r"([a-d])(\d+)(\.+)", line.decode())
            assert whole
            found[whole[1]].append((int(whole[2]), len(whole[3])))
    assert rest == b""
    assert pipe.writer.lost == 0
    for numbers in found.values():
        assert numbers == list(enumerate(lengths * 3))


def test_a_reader_who_has_gone_is_no_error_and_the_lines_are_counted(pipe: Pipe) -> None:
    filled = pipe.fill()
    (thread,) = writing_threads()
    keep = os.dup(pipe.reader)
    os.close(pipe.reader)
    os.close(keep)
    pipe.reader = os.open(os.devnull, os.O_RDONLY)
    thread.join(10)
    assert not thread.is_alive()
    pipe.writer.write(b"more\n")
    assert 0 < pipe.writer.lost <= filled + 1


def test_closing_lets_go_of_what_nobody_takes(pipe: Pipe) -> None:
    pipe.fill()
    within(10, threading.Thread(target=pipe.writer.close, daemon=True))
    assert writing_threads() == []
    assert not pipe.writer._queue
    assert pipe.writer.lost == 1
    pipe.writer.write(b"too late" * 20 + b"\n")
    assert pipe.writer.lost == 2
    assert all(json.loads(line) for line in pipe.all_lines())
    pipe.writer.write(b"there is room\n")
    assert pipe.all_lines() == [b'{"event":"log_lines_lost","count":2,"level":"warning"}\n', b"there is room\n"]


def test_closing_waits_for_what_is_taken(pipe: Pipe) -> None:
    pipe.fill()
    pipe.writer.write(b"last\n")
    found: list[bytes] = []
    reading = threading.Thread(target=lambda: found.extend(pipe.lines_until(b"last")), daemon=True)
    reading.start()
    pipe.writer.close()
    reading.join(10)
    assert (found[-1], pipe.writer.lost) == (b"last\n", 0)


def test_half_a_line_that_is_given_up_is_not_glued_to_the_next(pipe: Pipe) -> None:
    pipe.writer.write(b"x" * 1_000_000 + b"\n")
    pipe.writer.close()
    assert pipe.writer.lost == 1
    half = pipe.all_lines()
    assert not half[-1].endswith(b"\n")
    pipe.writer.write(b"whole\n")
    assert pipe.all_lines() == [b"\n", b'{"event":"log_lines_lost","count":1,"level":"warning"}\n', b"whole\n"]


def test_a_line_queued_while_another_is_being_written_comes_behind_it(pipe: Pipe) -> None:
    """As when a handler of a signal logs: the lock lets it in, on the same thread."""
    with pipe.writer._lock:
        pipe.writer._append(line_writer._Line(b"first\n"))
        pipe.writer.write(b"second\n")
        pipe.writer._send()
    assert pipe.lines_until(b"second") == [b"first\n", b"second\n"]


def test_a_device_without_room_costs_the_lines_and_nothing_else() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = LineWriter(descriptor)
    for _ in range(1000):
        writer.write(b"{}\n")
    writer.close()
    os.close(descriptor)
    assert writer.lost == 1000
    assert writing_threads() == []


def test_a_file_gets_every_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        writer = LineWriter(file.fileno())
        lines = [b"%d" % number + b"." * length + b"\n" for number, length in enumerate((1, 600, 5000, 100_000) * 50)]
        for line in lines:
            writer.write(line)
    assert (tmp_path / "log").read_bytes() == b"".join(lines)
    assert (writer.lost, writer.is_terminal) == (0, False)


def test_a_full_disk_costs_lines_tells_how_many_and_glues_nothing_together(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "log").open("wb") as file:
        writer = LineWriter(file.fileno())
        writer.write(b"before\n")
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            for _ in range(5):
                writer.write(b"lost\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        writer.write(b"after\n")
        writer.write(b"again\n")
    assert writer.lost == 5
    assert (tmp_path / "log").read_bytes().splitlines() == [
        b"before",
        b"los",
        b'{"event":"log_lines_lost","count":5,"level":"warning"}',
        b"after",
        b"again",
    ]


def test_a_descriptor_that_is_closed_is_no_error() -> None:
    reader, descriptor = os.pipe()
    os.close(reader)
    os.close(descriptor)
    writer = LineWriter(descriptor)
    writer.write(b"{}\n")
    writer.close()
    assert writer.lost == 1


def test_standard_output_is_what_the_process_has(capfd: pytest.CaptureFixture[str]) -> None:
    standard_output().write(b"told\n")
    assert capfd.readouterr().out == "told\n"
