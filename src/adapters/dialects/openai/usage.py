"""Token counts as providers write them, and doubts about them: nonsense is unknown, never 0."""

from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Raw

from adapters.dialects.openai.wire import NOTHING, UNDECODABLE, WireDetails, WireUsage, given
from domain.model.usage import NANO_PER_USD, UNKNOWN_USAGE, Usage

_DECODER = msgspec.json.Decoder(WireUsage)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ENCODER = msgspec.json.Encoder()
_NO_DETAILS = WireDetails()
_NOTHING_SAID = WireUsage()
_MOST_TOKENS = 2**40  # more than any provider sells; a larger count is a fault, not an answer
_MOST_DIGITS = len(str(2 * _MOST_TOKENS))
_MOST_NANO_USD = 10**6 * NANO_PER_USD


def read_usage(raw: Raw) -> Usage | None:
    """What an answer used; None where it does not say, unknown where what it says cannot be."""
    return None if given(raw) is None else _usage(_decoded(raw))


def read_and_mend_usage(raw: Raw) -> tuple[Usage | None, Raw | None]:
    """The same, and how it travels: `raw` itself where it is right, None where it is better left out.

    A total that is missing or too small is put right, a part of a count that cannot be is left out. Raises what
    decoding does where that is nested too deeply to be done again.
    """
    if given(raw) is None:
        return None, None
    wire = _decoded(raw)
    read = _usage(wire)
    if read.input_tokens is None or read.output_tokens is None:
        return read, None
    total = read.input_tokens + read.output_tokens
    output = wire.completion_tokens_details or _NO_DETAILS
    cached = wire.prompt_tokens_details or _NO_DETAILS
    right_total = _is_total(bytes(wire.total_tokens), total)
    right_parts = cached.cached_tokens == read.cached_tokens and output.reasoning_tokens == read.reasoning_tokens
    return read, raw if right_total and right_parts else _mended(raw, read, None if right_total else total)


def _decoded(raw: Raw) -> WireUsage:
    try:
        return _DECODER.decode(raw)
    except UNDECODABLE:
        return _NOTHING_SAID


def _usage(wire: WireUsage) -> Usage:
    read = Usage(
        input_tokens=_count(wire.prompt_tokens),
        output_tokens=_count(wire.completion_tokens),
        cached_tokens=_count((wire.prompt_tokens_details or _NO_DETAILS).cached_tokens),
        reasoning_tokens=_count((wire.completion_tokens_details or _NO_DETAILS).reasoning_tokens),
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


def _is_total(text: bytes, least: int) -> bool:
    """Whether it counts all tokens; some count more than they break down (Gemini's thoughts)."""
    return text.isdigit() and len(text) <= _MOST_DIGITS and least <= int(text)


def _mended(raw: Raw, read: Usage, total: int | None) -> Raw:
    fields = _FIELDS.decode(raw)
    if total is not None:
        fields["total_tokens"] = Raw(_ENCODER.encode(total))
    if read.cached_tokens is None:
        _drop(fields, "prompt_tokens_details", "cached_tokens")
    if read.reasoning_tokens is None:
        _drop(fields, "completion_tokens_details", "reasoning_tokens")
    return Raw(_ENCODER.encode(fields))


def _drop(fields: dict[str, Raw], name: str, part: str) -> None:
    details = given(fields.get(name, NOTHING))
    if details is not None:
        parts = _FIELDS.decode(details)
        parts.pop(part, None)
        fields[name] = Raw(_ENCODER.encode(parts))


def _count(value: int | None) -> int | None:
    return value if value is not None and 0 <= value < _MOST_TOKENS else None
