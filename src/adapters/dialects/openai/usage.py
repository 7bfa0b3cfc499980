"""Token counts as providers write them, and doubts about them: nonsense is unknown, never 0."""

from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Raw

from adapters.dialects.openai.wire import UNDECODABLE, WireDetails, WireUsage, given
from domain.model.usage import NANO_PER_USD, UNKNOWN_USAGE, Usage

_DECODER = msgspec.json.Decoder(WireUsage)
_MOST_TOKENS = 2**40  # more than any provider sells; a larger count is a fault, not an answer
_MOST_NANO_USD = 10**6 * NANO_PER_USD


def read_usage(raw: Raw) -> Usage | None:
    """What an answer used; None where it does not say, unknown where what it says cannot be."""
    if given(raw) is None:
        return None
    try:
        wire = _DECODER.decode(raw)
    except UNDECODABLE:
        return UNKNOWN_USAGE
    output = wire.completion_tokens_details or WireDetails()
    cached = wire.prompt_tokens_details or WireDetails()
    read = Usage(
        input_tokens=_count(wire.prompt_tokens),
        output_tokens=_count(wire.completion_tokens),
        cached_tokens=_count(cached.cached_tokens),
        reasoning_tokens=_count(output.reasoning_tokens),
    )
    return UNKNOWN_USAGE if read.input_tokens is None and read.output_tokens is None else read


def read_cost(raw: Raw) -> int | None:
    """The `cost` of a usage object in nano-USD, where it has one and it is a sane number."""
    try:
        wire = _DECODER.decode(raw)
    except UNDECODABLE:
        return None
    return nano_usd(bytes(wire.cost).decode())


def nano_usd(text: str) -> int | None:
    """A price in dollars as text, `1.35e-05` for instance, in nano-USD; None where it is no sane price."""
    try:
        nano = Decimal(text) * NANO_PER_USD
    except InvalidOperation:
        return None
    if not nano.is_finite() or not 0 <= nano <= _MOST_NANO_USD:
        return None
    return int(nano.to_integral_value())


def _count(value: int | None) -> int | None:
    return value if value is not None and 0 <= value < _MOST_TOKENS else None
