"""Where a request goes: an origin to connect to, and what the request says of it."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """What a connection is made to; connections are shared by origin."""

    host: str
    port: int
    tls: bool


class Target(NamedTuple):
    """An address: its origin, the path with its query, and the value of the host header."""

    origin: Origin
    path: str
    host: str


@lru_cache(maxsize=256)
def target(url: str) -> Target:
    """The target of an absolute http(s) URL that is encoded already. Raises ValueError where it is none."""
    parts = urlsplit(url)
    default = _PORTS.get(parts.scheme)
    if default is None or not parts.hostname or parts.username is not None:
        raise ValueError("not an address that a request can be sent to")
    name = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    port = parts.port or default
    shown = f"[{name}]" if ":" in name else name
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not all("!" <= character <= "~" for character in shown + path):
        raise ValueError("not an address that is encoded")
    host = shown if port == default else f"{shown}:{port}"
    return Target(Origin(name, port, parts.scheme == "https"), path, host)
