"""Callers on raw sockets: they read as much as they like, and leave when and how they like."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

How = Literal["fin", "rst", "half"]
HOWS: tuple[How, ...] = ("fin", "rst", "half")


class Caller:
    """One connection to the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received = bytearray()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; a service that has closed takes none."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            pass

    async def until(self, sign: bytes) -> None:
        """Read until this was received. Raises AssertionError where the connection ends before."""
        while sign not in self.received:
            assert await self._read(), f"ended before {sign!r}: {bytes(self.received[-300:])!r}"

    async def to_the_end(self) -> bytes:
        """Everything, until the connection ends."""
        while await self._read():
            pass
        return bytes(self.received)

    def leave(self, how: How) -> None:
        """Close (fin), reset (rst), or only say that nothing more will come (half)."""
        underlying = self._writer.get_extra_info("socket")
        if how == "half":
            underlying.shutdown(socket.SHUT_WR)
        elif how == "rst":
            underlying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _read(self) -> bool:
        try:
            piece = await self._reader.read(2**20)
        except ConnectionError:
            return False
        self.received += piece
        return bool(piece)


@asynccontextmanager
async def calling(port: int, *, buffer: int | None = None) -> AsyncIterator[Caller]:
    """A connected caller. With a `buffer` of so many bytes it takes little more than that without reading."""
    with socket.socket() as underlying:
        if buffer is not None:
            underlying.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        underlying.setblocking(False)
        await asyncio.get_running_loop().sock_connect(underlying, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=underlying, limit=buffer or 2**20)
        try:
            yield Caller(reader, writer)
        finally:
            writer.transport.abort()
