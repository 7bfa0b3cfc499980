"""A server made of one scripted function, for what no proper server would do."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Script = Callable[["Connection"], Awaitable[None]]


class Connection:
    """One connection: what was asked, and how to answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""
        self.body = b""

    async def request(self) -> None:
        """Read one request."""
        self.head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        self.body = await self.reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""

    async def send(self, *parts: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def until_closed(self) -> None:
        """Wait until the other side has gone."""
        try:
            while await self.reader.read(65_536):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        """Break the connection off: the other side gets a reset, not an end."""
        underlying = self.writer.get_extra_info("socket")
        underlying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class WireServer:
    """Counts connections, open ones and requests; `closed` is set when a connection has ended."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.connections = 0
        self.open = 0
        self.requests: list[Connection] = []
        self.closed = asyncio.Event()
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        connection = Connection(reader, writer)
        try:
            while True:
                await connection.request()
                self.requests.append(connection)
                await self._script(connection)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            self.closed.set()
            writer.close()


@asynccontextmanager
async def wire_server(script: Script) -> AsyncIterator[WireServer]:
    """One that listens."""
    made = WireServer(script)
    server = await asyncio.start_server(made, "127.0.0.1", 0, limit=2**20)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/path"
    async with server:
        yield made


def plays(*parts: bytes) -> Script:
    """Answers every request with these bytes."""

    async def script(connection: Connection) -> None:
        await connection.send(*parts)

    return script


def then_closes(*parts: bytes) -> Script:
    """Closes the connection behind them."""

    async def script(connection: Connection) -> None:
        await connection.send(*parts)
        raise ConnectionError

    return script


def then_resets(*parts: bytes) -> Script:
    """Breaks the connection off behind them."""

    async def script(connection: Connection) -> None:
        await connection.send(*parts)
        connection.reset()
        raise ConnectionError

    return script


def then_waits(*parts: bytes) -> Script:
    """Waits behind them until the caller has gone."""

    async def script(connection: Connection) -> None:
        await connection.send(*parts)
        await connection.until_closed()
        raise ConnectionError

    return script
