"""Requests sent and answers read over pooled connections."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType

from typing_extensions import override

from adapters.upstream_http.httptools_client.connection import Connection
from adapters.upstream_http.httptools_client.names import LookUp, Names, system_look_up
from adapters.upstream_http.httptools_client.pool import Pool
from adapters.upstream_http.httptools_client.target import Target, target
from adapters.upstream_http.response_rules import check_head, too_large
from domain.model.errors import ConnectionWasStale, UpstreamUnreachable
from domain.model.limits import UpstreamLimits
from ports.upstream_http import UpstreamRequest


class HttptoolsUpstream:
    """Implements ports.upstream_http. `tls` verifies certificates; by default with the system's authorities."""

    def __init__(
        self, *, limits: UpstreamLimits, tls: ssl.SSLContext | None = None, look_up: LookUp = system_look_up
    ) -> None:
        self._limits = limits
        self._pool = Pool(tls, Names(look_up))

    def send(self, request: UpstreamRequest) -> "Exchange":
        """See ports.upstream_http."""
        return Exchange(request, self._pool, self._limits)

    async def close(self) -> None:
        """See ports.upstream_http."""
        self._pool.close()


class Exchange(AbstractAsyncContextManager["HttptoolsResponse"]):
    """A request and its response: a connection is held from entering to leaving."""

    def __init__(self, request: UpstreamRequest, pool: Pool, limits: UpstreamLimits) -> None:
        self._request = request
        self._pool = pool
        self._limits = limits
        self._connection: Connection | None = None

    @override
    async def __aenter__(self) -> "HttptoolsResponse":
        request, limits = self._request, self._limits
        try:
            there = target(request.url)
        except ValueError as error:
            raise UpstreamUnreachable("The provider cannot be reached.") from error
        self._origin = there.origin
        head = _head(request, there)
        timeout = request.header_timeout
        until = None if timeout is None else asyncio.get_running_loop().time() + timeout
        connection = self._pool.take(there.origin)
        if connection is None:
            within = limits.connect_timeout if timeout is None else min(limits.connect_timeout, timeout)
            connection = await self._pool.open(there.origin, within)
        try:
            connection.ask(head, request.body, request.idle_timeout)
            await connection.began(until)
            answer = connection.answer
            check_head(answer.status, answer.headers, limits.max_body_bytes)
            self._connection = connection
        except ConnectionWasStale:
            self._pool.drop_idle(there.origin)
            raise
        finally:
            if self._connection is None:
                connection.abort()
        self._answer = HttptoolsResponse(connection, limits.max_body_bytes)
        return self._answer

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end(partial(self._pool.give_back, self._origin, connection), soon=self._answer.let)


class HttptoolsResponse:
    """Implements ports.upstream_http.UpstreamResponse, and is its own iterator of pieces."""

    def __init__(self, connection: Connection, max_body: int) -> None:
        self._connection = connection
        self._left = max_body
        self.let = False
        self.status = connection.answer.status
        self.headers: Mapping[str, str] = connection.answer.headers

    def pieces(self) -> AsyncIterator[bytes]:
        """See ports.upstream_http."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._connection.piece()
        if not piece:
            raise StopAsyncIteration
        self._left -= len(piece)
        if self._left < 0:
            raise too_large()
        return piece

    def let_end(self) -> None:
        """See ports.upstream_http."""
        self.let = True


def _head(request: UpstreamRequest, there: Target) -> bytes:
    """The request's first lines. Raises ValueError for a header that would be more than one line."""
    lines = [f"{request.method} {there.path} HTTP/1.1", f"host: {there.host}", "accept-encoding: identity"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body or request.method not in ("GET", "HEAD"):
        lines.append(f"content-length: {len(request.body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
        raise ValueError("a header with a line end in it")
    return (head + "\r\n\r\n").encode("latin-1")
