"""A number within the bounds of a JSON Schema. Exact: `multipleOf: 0.01` is not left to binary floats."""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct


def number_in(schema: Mapping[str, Any], *, whole: bool) -> Fraction | None:
    """A number that fits, 0 if it does; None where none was found."""
    bounds = _Bounds(
        least=_bound(schema, "minimum"),
        above=_bound(schema, "exclusiveMinimum"),
        most=_bound(schema, "maximum"),
        below=_bound(schema, "exclusiveMaximum"),
        step=_bound(schema, "multipleOf") or (Fraction(1) if whole else None),
    )
    fitting = (value for value in _candidates(bounds) if bounds.hold(value))
    return next((value for value in fitting if not whole or value.denominator == 1), None)


class _Bounds(Struct, frozen=True, kw_only=True):
    """What a number has to keep; None sets no bound."""

    least: Fraction | None
    above: Fraction | None
    most: Fraction | None
    below: Fraction | None
    step: Fraction | None

    def hold(self, value: Fraction) -> bool:
        high_enough = (self.least is None or value >= self.least) and (self.above is None or value > self.above)
        low_enough = (self.most is None or value <= self.most) and (self.below is None or value < self.below)
        return high_enough and low_enough and (self.step is None or (value / self.step).denominator == 1)


def _bound(schema: Mapping[str, Any], keyword: str) -> Fraction | None:
    value = schema.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return Fraction(str(value))


def _candidates(bounds: _Bounds) -> Iterator[Fraction]:
    """Few values, one of which fits wherever the bounds leave room for a multiple of the step or a middle."""
    yield Fraction(0)
    step = bounds.step or Fraction(1)
    low = max((bound for bound in (bounds.least, bounds.above) if bound is not None), default=None)
    high = min((bound for bound in (bounds.most, bounds.below) if bound is not None), default=None)
    if low is not None:
        yield math.ceil(low / step) * step
        yield (math.floor(low / step) + 1) * step
    if high is not None:
        yield math.floor(high / step) * step
        yield (math.ceil(high / step) - 1) * step
    if low is not None and high is not None:
        yield (low + high) / 2
