"""Bounds and waits, in seconds and bytes. Every one of them is a setting."""

from msgspec import Struct


class UpstreamLimits(Struct, frozen=True, kw_only=True):
    """What a provider may take.

    `header_timeout` holds for streams: a whole answer's headers come with its end, so the deadline alone bounds it.
    """

    connect_timeout: float = 5.0
    header_timeout: float = 60.0
    idle_timeout: float = 60.0
    max_event_bytes: int = 8 * 1024 * 1024
    max_body_bytes: int = 64 * 1024 * 1024
