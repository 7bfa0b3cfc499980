"""Bounds and waits of one service, in seconds and bytes. Every one of them is a setting (CONTRACT sections 4, 5)."""

from msgspec import Struct


class UpstreamLimits(Struct, frozen=True, kw_only=True):
    """What a provider may take. `header_timeout` holds for streams: a whole answer's headers come with its end, so
    it is bounded by the request's deadline alone."""

    connect_timeout: float = 5.0
    header_timeout: float = 60.0
    idle_timeout: float = 60.0
    max_event_bytes: int = 8 * 1024 * 1024
    max_body_bytes: int = 64 * 1024 * 1024
