"""Asks a service for its health all the time, from a process of its own: the longest wait is what others wait.

python -m support.faults.prober PORT     until its input ends; then the longest wait in milliseconds
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

_REQUEST = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
_PAUSE_S = 0.002
_TESTS = Path(__file__).resolve().parents[2]


def probe(port: int, enough: threading.Event) -> float:
    """Ask until it is enough, on one connection."""
    longest = 0.0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(_REQUEST)
        connection.recv(4096)
        print("ready", flush=True)
        while not enough.wait(_PAUSE_S):
            began = time.perf_counter()
            connection.sendall(_REQUEST)
            connection.recv(4096)
            longest = max(longest, time.perf_counter() - began)
    return longest * 1000


@contextmanager
def probing(port: int) -> Iterator[Callable[[], float]]:
    """A block with a prober beside it; what it gives ends the prober and tells the longest wait in milliseconds."""
    process = Popen([sys.executable, "-m", "support.faults.prober", str(port)], stdin=PIPE, stdout=PIPE, cwd=_TESTS)
    assert process.stdout is not None
    process.stdout.readline()  # it is ready

    def told() -> float:
        return float(process.communicate()[0])

    try:
        yield told
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Probe until standard input ends."""
    enough = threading.Event()

    def until_input_ends() -> None:
        sys.stdin.read()
        enough.set()

    threading.Thread(target=until_input_ends, daemon=True).start()
    print(probe(int(sys.argv[1]), enough), flush=True)


if __name__ == "__main__":
    main()
