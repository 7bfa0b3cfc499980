"""What this API knows of one HTTP request beside what Litestar knows: kept in its ASGI scope, under one key."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from domain.model.errors import GatewayError

CONNECTION = "llm_proxy.connection"
"""The ASGI extension by which our server tells of a caller's connection."""
_KEY = "llm_proxy"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class CallerConnection(Protocol):
    """The connection a request came on. Other servers than ours do not tell of it."""

    @property
    def body_is_here(self) -> bool:
        """Whether the whole body of the request under way has come: then receiving it takes no time."""

    @property
    def fault(self) -> GatewayError | None:
        """What is wrong with the framing of the body that was to come: no more of it will."""

    def hang_up(self) -> None:
        """Break it off without waiting for what was not read."""

    def when_lost(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have `tell` called by the event loop, once, when the caller has gone. Returns how to have it not called."""


class Visit(Struct):
    """One HTTP request. `fields` are its headers by lower-case name, of a repeated one the last.

    `handed_over` once a use case has it, and with it the duty to settle.
    """

    request_id: str
    started: float
    fields: dict[bytes, bytes]
    connection: CallerConnection | None = None
    caller: str = "anonymous"
    handed_over: bool = False

    def header(self, name: bytes) -> str | None:
        """A header's text, by its lower-case name."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")


def visit_of(scope: Mapping[str, Any]) -> Visit:
    """The visit that the front door has put there."""
    visit: Visit = scope[_KEY]
    return visit


def put_visit(scope: Any, visit: Visit) -> None:
    """Keep the visit; called once, by the front door."""
    scope[_KEY] = visit


def connection_of(scope: Mapping[str, Any]) -> CallerConnection | None:
    """The caller's connection, where the server tells of it."""
    offered = (scope.get("extensions") or {}).get(CONNECTION)
    return None if offered is None else offered["connection"]


def sane_id(value: bytes) -> str | None:
    """A caller's own request id, unless it is something that could be mistaken for more than an id."""
    return value.decode("ascii") if _SANE_ID.fullmatch(value) else None
