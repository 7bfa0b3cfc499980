"""Processes under measurement: started, pinned, weighed. Linux only: it reads /proc and process CPU clocks."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_S = 120
_STOP_S = 15
_LOOK_AGAIN_S = 0.01
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass
class Running:
    """A process that answers on `port`. `start` is the seconds from its launch to its first answer."""

    name: str
    pid: int
    port: int
    start: float

    def cpu(self) -> float:
        """Seconds of CPU that the process and those below it have used."""
        return sum(map(_cpu_seconds, _tree(self.pid)))

    def rss(self) -> float:
        """MiB of memory that the process and those below it hold."""
        return sum(map(_rss_mib, _tree(self.pid)))


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinned(cpus: set[int]) -> Sequence[str]:
    """What to put before a command so that it runs on these CPUs only."""
    return ["taskset", "-c", ",".join(map(str, sorted(cpus)))]


def shares() -> tuple[set[int], set[int]]:
    """The CPU for the gateway, and those for everything else. They differ where there are two."""
    cpus = sorted(os.sched_getaffinity(0))
    return {cpus[0]}, set(cpus[1:]) or {cpus[0]}


def allow_many_files() -> None:
    """A thousand streams are four thousand sockets: take as many as the machine lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def running(
    name: str, command: Sequence[str], port: int, environ: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """A process that answers HTTP on `port`, in an empty folder and with a few inherited variables only."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "output").open("w+b") as output:
        begin = time.perf_counter()
        started = subprocess.Popen(
            command,
            env={**inherited, **(environ or {})},
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            while not _answers(port):
                if started.poll() is not None or time.perf_counter() - begin > _START_S:
                    output.seek(0)
                    raise SystemExit(f"{command} does not answer:\n{output.read()[-3000:].decode(errors='replace')}")
                time.sleep(_LOOK_AGAIN_S)
            yield Running(name, started.pid, port, time.perf_counter() - begin)
        finally:
            started.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(_STOP_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def _answers(port: int) -> bool:
    """Whether an HTTP server answers anything at all."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            probe.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            return probe.recv(12).startswith(b"HTTP/1.")
    except OSError:
        return False


def _tree(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it may have ended since it was listed
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def _cpu_seconds(pid: int) -> float:
    # The clock that clock_getcpuclockid(3) names: all threads, those that have ended too, in nanoseconds.
    with contextlib.suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2)
    return 0.0


def _rss_mib(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0
