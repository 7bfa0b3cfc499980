"""Connections by origin: kept while idle, opened when there is none."""

import asyncio
import ssl
from functools import partial

from adapters.upstream_http.httptools_client.connection import READ, Connection
from adapters.upstream_http.httptools_client.names import Names
from adapters.upstream_http.httptools_client.target import Origin
from domain.model.errors import UpstreamTimeout, UpstreamUnreachable

_MOST_IDLE = 100  # of one origin; more are only held in use
_KEEP_ALIVE_S = 30.0  # shorter than what servers usually allow, so that they seldom close on us


class Pool:
    """Never a queue: whoever finds no idle connection opens one. The gateway bounds its own work before."""

    def __init__(self, tls: ssl.SSLContext | None, names: Names) -> None:
        self._tls = tls
        self._names = names
        self._idle: dict[Origin, dict[Connection, None]] = {}
        self._all: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._buffer = memoryview(bytearray(READ))

    def take(self, origin: Origin) -> Connection | None:
        """The idle connection that was used last: the others get a chance to grow old."""
        idle = self._idle.get(origin)
        while idle:
            connection, _ = idle.popitem()
            if connection.usable and asyncio.get_running_loop().time() - connection.idle_since < _KEEP_ALIVE_S:
                return connection
            connection.abort()
        return None

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keep an idle connection for the next request, unless there are many already."""
        idle = self._idle.setdefault(origin, {})
        if len(idle) >= _MOST_IDLE:
            connection.abort()
            return
        idle[connection] = None
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_KEEP_ALIVE_S, self._sweep)

    def drop_idle(self, origin: Origin) -> None:
        """Keep none of those that are idle: one of them had ended unseen, and they are of the same age."""
        for connection in self._idle.pop(origin, {}):
            connection.abort()

    async def open(self, origin: Origin, within: float) -> Connection:
        """A new connection, in so many seconds: name, TCP and TLS. Raises UpstreamTimeout, UpstreamUnreachable."""
        connection = Connection(self._buffer, partial(self._lost, origin))
        self._all.add(connection)
        opened = False
        try:
            async with asyncio.timeout(within):
                await self._connect(connection, origin, within)
                opened = True
        except TimeoutError as error:
            raise UpstreamTimeout("The provider took too long to answer.") from error
        except OSError as error:  # TLS errors are, too
            raise UpstreamUnreachable("The provider cannot be reached.") from error
        finally:
            if not opened:
                connection.abort()
                self._all.discard(connection)
        return connection

    async def _connect(self, connection: Connection, origin: Origin, within: float) -> None:
        """Try one address after the other. A certificate that does not fit is the host's fault, not the address's."""
        *others, last = await self._names.addresses(origin.host, origin.port, within)
        for address in others:
            try:
                await self._dial(connection, origin, address)
            except ssl.SSLError:
                raise
            except OSError:
                continue
            return
        await self._dial(connection, origin, last)

    async def _dial(self, connection: Connection, origin: Origin, address: str) -> None:
        await asyncio.get_running_loop().create_connection(
            lambda: connection,
            address,
            origin.port,
            ssl=self._context() if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )

    def close(self) -> None:
        """Break off all connections."""
        self._names.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _lost(self, origin: Origin, connection: Connection) -> None:
        self._all.discard(connection)
        self._idle.get(origin, {}).pop(connection, None)

    def _sweep(self) -> None:
        """Close what has been idle for too long; look again while anything is."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        for idle in self._idle.values():
            for connection in [each for each in idle if loop.time() - each.idle_since >= _KEEP_ALIVE_S]:
                del idle[connection]
                connection.abort()
        if any(self._idle.values()):
            self._sweeper = loop.call_later(_KEEP_ALIVE_S / 2, self._sweep)
