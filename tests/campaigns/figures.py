"""What a campaign found: a figure, how often it was tried, and whether it is as it must be."""

import json
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct


class Figure(Struct, frozen=True):
    """`value` as it is to be shown; `n` trials behind it; `good` unless a bound is broken."""

    name: str
    value: str
    n: int
    bound: str
    good: bool

    @property
    def line(self) -> str:
        """For people."""
        return f"{'ok  ' if self.good else 'FAIL'} {self.name}: {self.value} (n = {self.n}, bound: {self.bound})"


def zero(name: str, found: int, n: int) -> Figure:
    """Something that must not happen at all."""
    return Figure(name, str(found), n, "0", found == 0)


def at_most(name: str, value: float, n: int, most: float, unit: str) -> Figure:
    """Something that must not be more than so much."""
    return Figure(name, f"{value:.1f} {unit}", n, f"<= {most:g} {unit}", value <= most)


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


FIGURES = Path(__file__).resolve().parents[2] / "build" / "figures.json"


def keep(campaign: str, command: str, figures: list[Figure]) -> None:
    """Keep a campaign's newest figures with those of the others, for the report."""
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    known[campaign] = {
        "command": command,
        "figures": [[each.name, each.value, each.n, each.bound, each.good] for each in figures],
    }
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(known, indent=1))
