"""What the service costs: CPU time of its process for a request and for an event, beside a direct call's latency.

`make bench` prints a table. CPU time is read from the operating system, for the gateway's process alone. Latency is
the median of sequential calls, direct and through the gateway in turns. Figures of different runs do not compare.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
PATH = "/v1/chat/completions"
EVENTS = 67  # of the upstream's stream, as it arrives here


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request(port: int, *, stream: bool) -> bytes:
    body = b'{"model":"m","messages":[{"role":"user","content":"%b"}],"stream":%b}' % (
        b"question " * 80,
        b"true" if stream else b"false",
    )
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    return head.encode() + b"authorization: Bearer bench\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(message)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(head.decode())
    low = head.lower()
    if b"content-length:" in low:
        await reader.readexactly(int(low.split(b"content-length:")[1].split(b"\r\n")[0]))
        return
    await reader.readuntil(b"data: [DONE]\n\n")
    await reader.readuntil(b"0\r\n\r\n")


async def load(port: int, connections: int, each: int, *, stream: bool) -> None:
    message = request(port, stream=stream)

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        for _ in range(each):
            await exchange(reader, writer, message)
        writer.close()

    await asyncio.gather(*(caller() for _ in range(connections)))


async def latencies(ports: list[int], rounds: int) -> list[float]:
    """Median milliseconds of a whole answer, for each port, in turns."""
    peers = [await asyncio.open_connection("127.0.0.1", port) for port in ports]
    taken: list[list[float]] = [[] for _ in ports]
    for _ in range(rounds):
        for index, (reader, writer) in enumerate(peers):
            begin = time.perf_counter()
            await exchange(reader, writer, request(ports[index], stream=False))
            taken[index].append(time.perf_counter() - begin)
    for _, writer in peers:
        writer.close()
    return [statistics.median(times) * 1000 for times in taken]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def process(command: list[str], port: int, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(
        command, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.perf_counter() + 20
        while not listens(port):
            if started.poll() is not None or time.perf_counter() > deadline:
                raise SystemExit(f"{command} does not listen")
            time.sleep(0.02)
        yield started
    finally:
        started.terminate()
        started.wait()


def measure(gateway: int, direct: int, pid: int, *, quick: bool) -> None:
    each = 20 if quick else 300
    asyncio.run(load(gateway, 8, each, stream=False))  # warm up
    print(f"{'':34}{'median':>10}{'min':>10}{'max':>10}")
    for title, connections, stream in (
        ("CPU us a request, 1 connection", 1, False),
        ("CPU us a request, 32 connections", 32, False),
        ("CPU us a stream of 67 events", 16, True),
    ):
        total = connections * (each if connections > 1 else each * 4)
        figures = []
        for _ in range(2 if quick else 5):
            before = cpu_seconds(pid)
            asyncio.run(load(gateway, connections, total // connections, stream=stream))
            figures.append((cpu_seconds(pid) - before) / total * 1e6)
        print(f"{title:34}{statistics.median(figures):10.0f}{min(figures):10.0f}{max(figures):10.0f}")
    straight, through = asyncio.run(latencies([direct, gateway], 50 if quick else 1000))
    print(f"added latency, median: {through - straight:.2f} ms (direct {straight:.2f} ms); RSS {rss_mib(pid)} MiB")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="only show that it works: the figures mean nothing")
    quick = options.parse_args().quick
    direct, gateway = free_port(), free_port()
    with process([sys.executable, str(HERE / "upstream.py"), str(direct)], direct):
        environ = {
            "LLM_PROXY__LITELLM_PROXY_URL": f"http://127.0.0.1:{direct}",
            "LLM_PROXY__INTERNAL_API_KEY": "bench",
            "LLM_PROXY__PORT": str(gateway),
        }
        command = [sys.executable, "-m", "entrypoints.cli.main", "serve"]
        with process(command, gateway, **environ) as started:
            measure(gateway, direct, started.pid, quick=quick)


if __name__ == "__main__":
    main()
