"""The other client: aiohttp, known to many, used for nothing but connections, framing and pooling."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import ClientRequest, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace
from typing_extensions import override
from yarl import URL

from adapters.upstream_http.idle_watch import IdleWatch
from adapters.upstream_http.response_rules import check_head, too_large
from domain.model.errors import (
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from domain.model.limits import UpstreamLimits
from ports.upstream_http import UpstreamRequest

_KEEP_ALIVE_S = 30.0  # shorter than what servers usually allow, so that they seldom close on us
_BUFFER = 64 * 1024  # aiohttp stops reading at twice this: a slow reader pauses the provider
_MOST_HEADER_BYTES = 64 * 1024


class _Connector(TCPConnector):
    """Gives no connection away on which a provider spoke unasked: those bytes would be the next request's answer.

    aiohttp looks for them when a connection becomes idle, but not when it is used again (3.14.5, seen 2026-11-24).
    """

    @override
    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()


class AiohttpUpstream:
    """Implements ports.upstream_http. The session is opened by the first request, in that request's event loop."""

    def __init__(self, *, limits: UpstreamLimits, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._tls = tls
        self._session: ClientSession | None = None
        self._reading: set[ClientResponse] = set()

    @asynccontextmanager
    async def send(self, request: UpstreamRequest) -> AsyncIterator["AiohttpResponse"]:
        """See ports.upstream_http."""
        response = await self._begin(request)
        self._reading.add(response)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            check_head(response.status, headers, self._limits.max_body_bytes)
            reading = AiohttpResponse(response, headers, request.idle_timeout, self._limits.max_body_bytes)
            try:
                yield reading
            finally:
                reading.stop()
        finally:
            # At the end of the body aiohttp has released the connection already; before it, this closes the socket.
            self._reading.discard(response)
            response.close()

    async def close(self) -> None:
        """See ports.upstream_http."""
        for response in self._reading:  # closing the session alone would leave their readers waiting for ever
            response.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _begin(self, request: UpstreamRequest) -> ClientResponse:
        session = self._session or self._open()
        try:
            async with asyncio.timeout(request.header_timeout):
                return await session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    data=request.body or None,
                    headers={**request.headers, "accept-encoding": "identity"},
                    allow_redirects=False,
                )
        except _FOREIGN as error:
            raise _before_beginning(error) from error

    def _open(self) -> ClientSession:
        self._session = ClientSession(
            # No limit: the pool must never be where requests queue. The gateway bounds its own work before.
            connector=_Connector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, ttl_dns_cache=30, ssl=self._tls or True),
            # `sock_connect` would leave out the name's lookup.
            timeout=ClientTimeout(total=None, connect=self._limits.connect_timeout),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_BUFFER,
            max_line_size=_MOST_HEADER_BYTES,
            max_field_size=_MOST_HEADER_BYTES,
            skip_auto_headers=("user-agent", "accept"),
        )
        # There is no public switch: without this GET, PUT and the like are sent again when a kept connection breaks.
        self._session._retry_connection = False  # noqa: SLF001
        return self._session


class AiohttpResponse:
    """Implements ports.upstream_http.UpstreamResponse, and is its own iterator of pieces."""

    def __init__(
        self, response: ClientResponse, headers: Mapping[str, str], idle_timeout: float | None, max_body: int
    ) -> None:
        self._response = response
        self._left = max_body
        self._watch = IdleWatch(idle_timeout, response.close)
        self.status = response.status
        self.headers = headers

    def pieces(self) -> AsyncIterator[bytes]:
        """See ports.upstream_http."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        watch = self._watch
        watch.reading()
        try:
            piece = await self._response.content.readany()
        except _FOREIGN as error:
            if watch.expired:
                raise UpstreamTimeout("The provider went silent in the middle of its answer.") from error
            raise _after_beginning(error) from error
        watch.read()
        if not piece:
            raise StopAsyncIteration
        self._left -= len(piece)
        if self._left < 0:
            raise too_large()
        return piece

    def let_end(self) -> None:
        """See ports.upstream_http. Nothing: aiohttp keeps no connection whose body was not read."""

    def stop(self) -> None:
        """No more reads."""
        self._watch.stop()


# The errors of aiohttp as ours. None of their texts is kept: they name addresses.
_FOREIGN = (aiohttp.ClientError, HttpProcessingError, OSError)  # its timeouts and TLS errors are OSErrors


def _before_beginning(error: Exception) -> UpstreamError:
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("The provider took too long to answer.")
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return UpstreamInvalid("The provider's answer is not HTTP.")
    return UpstreamUnreachable("The provider cannot be reached.")


def _after_beginning(error: Exception) -> UpstreamError:
    cause = error.__cause__ if isinstance(error, aiohttp.ClientPayloadError) else error
    # A body that ended early and a chunk size that is no number come as the same family of errors.
    if isinstance(cause, HttpProcessingError) and "Not enough data" not in str(cause):
        return UpstreamInvalid("The provider's answer is not HTTP.")
    return UpstreamTruncated("The provider's answer broke off.")
