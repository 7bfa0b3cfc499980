"""The service as a process, its log, and callers on raw sockets in this one."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.faults.caller import calling
from support.faults.strict_answer import Answer, read
from support.processes import Process, our_service
from support.running_service import KEY, post

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hi"}]


@contextmanager
def service(provider: str, files: int | None = None, **settings: object) -> Iterator[Process]:
    """`llm-proxy serve` in front of a provider, allowed to open so many files."""
    given = {"litellm_proxy_url": provider, "internal_api_key": KEY, **settings}
    with our_service(files, **{name: str(value) for name, value in given.items()}) as process:
        yield process


def chat(model: str, *, stream: bool, headers: dict[str, str] | None = None, **fields: Any) -> bytes:
    """A request."""
    body = json.dumps({"model": model, "stream": stream, "messages": MESSAGES, **fields}).encode()
    return post(CHAT, body, headers)


async def ask(process: Process, request: bytes) -> Answer:
    """The answer to it, read to the end of the connection."""
    async with calling(process.port) as caller:
        await caller.send(request)
        return read(await caller.to_the_end())


async def health(process: Process, path: str = "/health/ready") -> Answer:
    """How it says it is."""
    return await ask(process, f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())


def log_lines(process: Process) -> list[dict[str, Any]]:
    """The request lines, each of which must be whole."""
    lines = process.log.read_text(errors="strict").splitlines()
    return [
        line
        for line in map(json.loads, filter(lambda line: line.startswith("{"), lines))
        if line["event"] == "request"
    ]


async def ended(process: Process, within: float) -> int:
    """The exit code. Raises TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        return await asyncio.to_thread(process.popen.wait)


def status(pid: int, field: str) -> int:
    """A number from the kernel's account of a process, for instance VmRSS in KiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    (found,) = [line.split()[1] for line in text.splitlines() if line.startswith(f"{field}:")]
    return int(found)
