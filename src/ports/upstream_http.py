"""The one seam to the network: send a request, get a response whose body is read piece by piece.

Errors are raised as domain errors, already told apart:
UpstreamUnreachable (no connection; a connection that broke before the response began), ConnectionWasStale (one of
those: it had carried an exchange before, and ended by itself with no byte of this response), UpstreamTimeout
(connect, header or idle time over), UpstreamTruncated (the body broke off or was reset), UpstreamInvalid (not HTTP,
a redirect, a compressed body, more bytes than the limit).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct


class UpstreamRequest(Struct, frozen=True, kw_only=True):
    """What to send, and how long to wait for what comes back.

    `header_timeout` is the time in seconds until the response's headers, `idle_timeout` between two pieces of its
    body; None waits for ever. The connect timeout and size limits belong to the client.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    header_timeout: float | None = None
    idle_timeout: float | None = None


class UpstreamResponse(Protocol):
    """A response that has begun. Header names are lower case; a repeated header keeps its last value."""

    @property
    def status(self) -> int:
        """The HTTP status; never a 3xx (those raise UpstreamInvalid)."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as the network brings it: every piece is all that was there to read, never empty."""

    def let_end(self) -> None:
        """What still comes does not matter: leaving may keep the connection, if the body ends within a moment.

        An event stream has said all it has to say before its framing ends.
        """


async def whole_body(response: UpstreamResponse) -> bytes:
    """All pieces together, at most the client's limit."""
    first = b""
    rest = bytearray()  # a list of the smallest pieces would take forty times their memory
    async for piece in response.pieces():
        if first:
            rest += piece
        else:
            first = piece
    return first + rest if rest else first


class UpstreamHttp(Protocol):
    """An HTTP client with a connection pool. It never retries, never follows a redirect, asks for `identity`.

    Behind a ConnectionWasStale no connection is idle that was kept at the same time: whoever asks again at once asks
    on a new one. A client that cannot tell staleness raises UpstreamUnreachable.
    """

    def send(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamResponse]:
        """Entering sends the request and waits for the response's headers.

        Raises ValueError, before anything is sent, for a header that is more than a line.
        Leaving closes the connection unless the body was read to its end, or was let end; so does cancellation in
        any phase.
        """

    async def close(self) -> None:
        """Break off all connections, also those in use: their readers get UpstreamError. Nobody sends afterwards."""
