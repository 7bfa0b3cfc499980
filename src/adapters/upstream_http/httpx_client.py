"""The reference client: httpx. Dearer than the default the more connections are open, and known to everybody."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from httpx import AsyncClient, Limits, Response, Timeout

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

_KEEP_ALIVE_S = 30.0
_MOST_IDLE = 100


class HttpxUpstream:
    """Implements ports.upstream_http. The client is opened by the first request."""

    def __init__(self, *, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._client: AsyncClient | None = None

    @asynccontextmanager
    async def send(self, request: UpstreamRequest) -> AsyncIterator["HttpxResponse"]:
        """See ports.upstream_http."""
        response = await self._begin(request)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            check_head(response.status_code, headers, self._limits.max_body_bytes)
            yield HttpxResponse(response, headers, self._limits.max_body_bytes)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """See ports.upstream_http."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _begin(self, request: UpstreamRequest) -> Response:
        client = self._client or self._open()
        made = client.build_request(
            request.method,
            request.url,
            content=request.body or None,
            headers={**request.headers, "accept-encoding": "identity"},
            # The read timeout would bound the wait for the headers, too: that one is ours, below.
            timeout=Timeout(None, connect=self._limits.connect_timeout),
        )
        made.headers.pop("user-agent", None)
        try:
            async with asyncio.timeout(request.header_timeout):
                response = await client.send(made, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise _before_beginning(error) from error
        # What httpcore waits for each read of the body is looked up here, at every read.
        made.extensions["timeout"]["read"] = request.idle_timeout
        return response

    def _open(self) -> AsyncClient:
        self._client = AsyncClient(
            # No limit: a contended httpcore pool loses places for ever (encode/httpcore#1093).
            limits=Limits(max_connections=None, max_keepalive_connections=_MOST_IDLE, keepalive_expiry=_KEEP_ALIVE_S),
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # callers must not meet in a cookie
        )
        return self._client


class HttpxResponse:
    """Implements ports.upstream_http.UpstreamResponse, and is its own iterator of pieces."""

    def __init__(self, response: Response, headers: Mapping[str, str], max_body: int) -> None:
        self._pieces = response.aiter_raw()
        self._left = max_body
        self.status = response.status_code
        self.headers = headers

    def pieces(self) -> AsyncIterator[bytes]:
        """See ports.upstream_http."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
            while not piece:
                piece = await anext(self._pieces)
        except httpx.HTTPError as error:
            raise _after_beginning(error) from error
        self._left -= len(piece)
        if self._left < 0:
            raise too_large()
        return piece

    async def read(self) -> bytes:
        """See ports.upstream_http."""
        return b"".join([piece async for piece in self])


# The errors of httpx as ours. None of their texts is kept: they name addresses.


def _before_beginning(error: Exception) -> UpstreamError:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return UpstreamTimeout("The provider took too long to answer.")
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return UpstreamInvalid("The provider's answer is not HTTP.")
    return UpstreamUnreachable("The provider cannot be reached.")


def _after_beginning(error: Exception) -> UpstreamError:
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout("The provider went silent in the middle of its answer.")
    if isinstance(error, httpx.RemoteProtocolError) and "closed connection" not in str(error):
        return UpstreamInvalid("The provider's answer is not HTTP.")
    return UpstreamTruncated("The provider's answer broke off.")
