"""What this API knows of one HTTP request beside what Litestar knows: kept in its ASGI scope, under one key."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

_KEY = "llm_proxy"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Visit(Struct):
    """One HTTP request. `handed_over` once a use case has it, and with it the duty to settle."""

    request_id: str
    started: float
    caller: str = "anonymous"
    handed_over: bool = False


def visit_of(scope: Mapping[str, Any]) -> Visit:
    """The visit that the front door has put there."""
    visit: Visit = scope[_KEY]
    return visit


def put_visit(scope: Any, visit: Visit) -> None:
    """Keep the visit; called once, by the front door."""
    scope[_KEY] = visit


def sane_id(value: bytes) -> str | None:
    """A caller's own request id, unless it is something that could be mistaken for more than an id."""
    return value.decode("ascii") if _SANE_ID.fullmatch(value) else None
