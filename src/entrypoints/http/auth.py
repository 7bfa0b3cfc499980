"""Who calls: a key in `X-Internal-Auth` or as a bearer token, compared as SHA-256 digests of bytes."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from litestar.types import ASGIApp, Receive, Scope, Send

from domain.model.errors import NotAuthenticated
from entrypoints.http.scope import visit_of

_ANYONE = "anonymous"
_BEARER = b"bearer "


class KeyCheck:
    """Lets in who shows a known key. Without keys everyone is let in; settings allow that on loopback only."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = tuple(hashlib.sha256(key.encode()).digest() for key in keys)

    def before(self, app: ASGIApp) -> ASGIApp:
        """A Litestar middleware. It sits on routes, not on paths, so no way of writing a path goes around it.

        Not a guard, though it does a guard's work: Litestar copies the route's handler for each guarded request.
        """

        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            visit_of(scope).caller = self.caller(scope["headers"])
            await app(scope, receive, send)

        return checked

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
