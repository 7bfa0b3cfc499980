"""A provider that plays faults: the model's name picks the script. Its books say when it was left."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from support.faults.parts import DONE, END, HEAD, finish, framed, says
from support.wire_server import Connection, Script


def _integer(digits: str) -> int | str:
    """Python refuses to read numbers of more than 4,300 digits."""
    return int(digits) if len(digits) < 4000 else digits


class FaultProvider:
    """Connections, requests and departures, counted. Times are the loop's, in seconds."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self._scripts = scripts
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""
        self.connections = 0
        self.open = 0
        self.requests: list[dict[str, Any]] = []
        self.heads: list[bytes] = []
        self.ended = asyncio.Event()
        self.ended_at = 0.0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.open += 1
        self._writers.add(writer)
        connection = Connection(reader, writer)
        try:
            while True:
                await connection.request()
                if connection.head.startswith(b"GET "):  # somebody asks how it is
                    await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                    continue
                body = json.loads(connection.body or b"{}", parse_int=_integer)
                self.requests.append(body)
                self.heads.append(connection.head)
                await self._scripts[body["model"]](connection)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            self.ended_at = asyncio.get_running_loop().time()
            self.ended.set()
            self._writers.discard(writer)
            writer.close()

    async def hang_up(self) -> None:
        """Break off what is open, and come back when nobody works on any connection."""
        while self._writers:
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0)


def paced(pieces: int, seconds: float) -> Script:
    """A stream with so many pieces behind its first, one every so many seconds: the provider's own pace."""

    async def script(connection: Connection) -> None:
        await connection.send(HEAD, framed(says("one ", role="assistant")))
        for _ in range(pieces):
            await asyncio.sleep(seconds)
            await connection.send(framed(says("two ")))
        await connection.send(framed(finish(), DONE), END)

    return script


@asynccontextmanager
async def fault_provider(scripts: Mapping[str, Script]) -> AsyncIterator[FaultProvider]:
    """One that listens on a port of its own."""
    made = FaultProvider(scripts)
    server = await asyncio.start_server(made, "127.0.0.1", 0, limit=2**20)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.hang_up()
