"""What one seed led to, and what every answer is held to whatever was asked."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, Protocol

from msgspec import Struct

from domain.model.call import Settlement
from entrypoints.http.errors import STATUS
from support.fuzz.in_process import Exchange
from support.fuzz.stream_client import Broken, error_of, need

_STATUSES = {row.status for row in STATUS.values()} - {499, 500}
NOT_UTF8 = " [the provider sent no UTF-8]"


class Verdict(Struct, kw_only=True):
    """`label` is how it ended, for the count; `faults` is empty where every promise was kept."""

    label: str
    faults: list[str]
    step_ms: float


class Seeds(Protocol):
    """Makes one input of each seed, and judges what the service did with it."""

    async def one(self, seed: int) -> Verdict:
        """The verdict on this seed; the same every time."""


Kind = Callable[[], AbstractAsyncContextManager[Seeds]]


def generator(seed: int) -> Random:
    """What all of a seed is drawn from."""
    return Random(seed)  # noqa: S311 - it makes test data, no secret


def judged(exchange: Exchange, judge: Callable[[Exchange], str], *, upstream: bytes = b"") -> Verdict:
    """The verdict by `judge`, which gives a label or raises Broken. Faults say so if `upstream` was no UTF-8."""
    faults = list(exchange.faults)
    try:
        label = judge(exchange)
    except Broken as broken:
        faults.extend(broken.args)
        label = broken.label or f"{exchange.status} broken"
    if not is_utf8(upstream):
        faults = [fault + NOT_UTF8 for fault in faults]
    return Verdict(label=label, faults=faults, step_ms=exchange.step_ms)


def is_utf8(text: bytes) -> bool:
    """Whether it is."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def settled(exchange: Exchange) -> Settlement:
    """The one settlement of the exchange."""
    need(len(exchange.settlements) == 1, f"{len(exchange.settlements)} settlements")
    return exchange.settlements[0]


def refused(exchange: Exchange) -> dict[str, Any]:
    """The error of an answer that is none: in the contract's form, settled as what it is."""
    need(exchange.status in _STATUSES, f"status {exchange.status}")
    need(exchange.headers.get(b"content-type") == b"application/json", "content-type of an error")
    need(int(exchange.headers.get(b"content-length", b"-1")) == len(exchange.body), "content-length")
    error = error_of(exchange.body.decode())
    record = settled(exchange)
    need(record.code == error["code"], f"settled as {record.code}, told as {error['code']}")
    return error
