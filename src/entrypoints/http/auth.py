"""Who calls: a key in `X-Internal-Auth` or as a bearer token, compared as SHA-256 digests of bytes."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from domain.model.errors import NotAuthenticated
from entrypoints.http.scope import visit_of

_ANYONE = "anonymous"
_BEARER = b"bearer "


class KeyGuard:
    """A Litestar guard. It sits on routes, not on paths, so no way of writing a path goes around it.

    Without keys everyone is let in; the settings allow that on a loopback address only.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = tuple(hashlib.sha256(key.encode()).digest() for key in keys)

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        """Raise NotAuthenticated unless a known key came with the request."""
        visit = visit_of(connection.scope)
        visit.caller = self.caller(connection.scope["headers"])

    def caller(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The caller's name, by the raw headers of a request. Raises NotAuthenticated."""
        if not self._digests:
            return _ANYONE
        pairs = list(headers)
        given = [value for name, value in pairs if name == b"x-internal-auth"]
        given = given or [_token(value) for name, value in pairs if name == b"authorization"]
        if len(given) != 1 or not given[0]:
            raise NotAuthenticated("Send one key, as 'Authorization: Bearer <key>' or 'X-Internal-Auth: <key>'.")
        digest = hashlib.sha256(given[0]).digest()
        # All keys are compared, always: how long it takes says nothing about which one was near.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise NotAuthenticated("This key is not known here.")
        return f"key-{matches.index(True) + 1}"


def _token(authorization: bytes) -> bytes:
    return authorization[len(_BEARER) :].strip() if authorization[: len(_BEARER)].lower() == _BEARER else b""
