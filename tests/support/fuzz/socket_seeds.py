"""The same request bodies over a real socket, kept alive, against a real process that answers by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from support.fuzz.body_mutation import Body, make_body
from support.fuzz.stream_client import Broken, error_of, need
from support.fuzz.verdicts import Verdict
from support.processes import Process, our_service
from support.running_service import KEY, post

_PATIENCE_S = 20.0
_LARGEST = 4_000_000


class SocketSeeds:
    """Implements support.fuzz.verdicts.Seeds over one connection, opened again where the service closed it.

    Steps of the service's loop cannot be seen from here: they count as 0.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.connections = 0

    async def one(self, seed: int) -> Verdict:
        """See support.fuzz.verdicts."""
        body = make_body(seed, "fake/echo", "fake/embedding")
        faults: list[str] = []
        label = "violation"
        try:
            async with asyncio.timeout(_PATIENCE_S):
                label = await self._exchange(body)
        except Broken as broken:
            faults.extend(broken.args)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            faults.append(f"no answer: {type(error).__name__}")
        if faults:
            await self.close()
        return Verdict(label=label, faults=faults, step_ms=0.0)

    async def _exchange(self, body: Body) -> str:
        if self._streams is None:
            self.connections += 1
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(post(body.path, body.text, {"connection": ""}))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        answer = await _body(reader, head)
        if "connection: close" in head:
            await self.close()
        need(status < 500, f"status {status}")
        if status != 200:
            error = error_of(answer.decode())
            need(status != 400 or error["param"] is not None, "a 400 that names no field")
            need(not body.valid or error["param"] == "model", f"a valid body was refused: {error['code']}")
            return f"{status} {error['code']}"
        if "text/event-stream" in head:
            need(answer.endswith(b"data: [DONE]\n\n"), "a stream of the fake without [DONE]")
        return "200"

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    if "transfer-encoding: chunked" not in head:
        return await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


@asynccontextmanager
async def socket_seeds() -> AsyncIterator[SocketSeeds]:
    """Against a process of its own, which must be alive and unhurt afterwards."""
    with our_service(llm_mode="mock", internal_api_key=KEY, max_body_bytes=str(_LARGEST)) as process:
        seeds = SocketSeeds(process.port)
        yield seeds
        await seeds.close()
        _still_well(process)


def _still_well(process: Process) -> None:
    assert process.popen.poll() is None, "the process ended"
    assert httpx.get(process.url + "/health", timeout=5, trust_env=False).is_success
    log = process.log.read_text(errors="replace")
    assert "unexpected error" not in log, log[-2000:]
    assert "Traceback" not in log, log[-2000:]
