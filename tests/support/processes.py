"""Real processes: started on a free port, waited for until they answer, stopped as an operator would."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from msgspec import Struct

_STOP_S = 15
_LOOK_AGAIN_S = 0.05
# What a shell exports for our service, LiteLLM or an HTTP client must not steer a process under test.
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class Process(Struct):
    """A running process and where it listens."""

    popen: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(_STOP_S)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, health: str, within: float, **environ: str) -> Iterator[Process]:
    """A process that answers at `health` within so many seconds; stopped with SIGTERM when the block is left.

    It starts in an empty folder and sees only `environ` and a few variables that every program needs.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "output"
        with log.open("wb") as output:
            started = subprocess.Popen(
                command, env={**inherited, **environ}, stdout=output, stderr=output, cwd=folder
            )
        process = Process(started, port, log)
        try:
            _await_health(process, health, within)
            yield process
        finally:
            started.terminate()
            try:
                started.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_health(process: Process, health: str, within: float) -> None:
    deadline = time.perf_counter() + within
    while time.perf_counter() < deadline:
        if process.popen.poll() is not None:
            break
        try:
            if httpx.get(process.url + health, timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(_LOOK_AGAIN_S)  # another process's start cannot be awaited, only looked for
    raise AssertionError(f"no answer at {health}:\n{process.log.read_text(errors='replace')[-3000:]}")


@contextmanager
def our_service(files: int | None = None, /, **settings: str) -> Iterator[Process]:
    """`llm-proxy serve` with these settings, allowed to open so many files."""
    port = free_port()
    environ = {f"LLM_PROXY__{name.upper()}": value for name, value in {"port": str(port), **settings}.items()}
    command = [sys.executable, "-m", "entrypoints.cli.main", "serve"]
    if files is not None:
        command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
    with running(command, port, "/health", 15, **environ) as process:
        yield process
