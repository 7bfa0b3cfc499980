"""Seeds run and judged, and a failing one told so that it can be run again."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from support.simulation.case import Violation
from support.simulation.oracle import judge
from support.simulation.scene import scene
from support.simulation.service import Prepare
from support.simulation.world import Played, as_it_is, play

AGAIN = "python tests/simulation/run.py --seeds 1 --first {seed} --trace"


class Sum(Struct):
    """What many seeds came to. Times are virtual, in seconds."""

    seeds: int = 0
    failing: int = 0
    virtual: float = 0.0
    outcomes: Counter[str] = Counter()
    faults: Counter[str] = Counter()

    def add(self, played: Played, violations: list[Violation]) -> None:
        """Count one more."""
        self.seeds += 1
        self.failing += bool(violations)
        self.virtual += played.network.loop.age
        self.outcomes += played.outcomes()
        answered = [tag for tag, made in played.provider.exchanges.items() for _ in made]
        fault_of = {ask.tag: ask.fault for ask in played.scene.asks()}
        self.faults += Counter(fault_of[tag] for tag in answered)

    @property
    def line(self) -> str:
        """All of it in one line."""
        by_outcome = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return (
            f"n={self.seeds} seeds, {self.failing} with a violation, {self.virtual / 3600:.1f} virtual hours, "
            f"{self.outcomes.total()} requests settled: {by_outcome}; {len(self.faults)} kinds of provider's answers"
        )


def run_seed(seed: int, prepare: Prepare = as_it_is) -> tuple[Played, list[Violation]]:
    """One seed, played and judged."""
    played = play(scene(seed), prepare)
    return played, judge(played)


def told(played: Played, violations: Iterable[Violation], *, whole: bool = False) -> str:
    """What was violated in a seed, what those concerned did, and how to run it again."""
    found = list(violations)
    names: set[str] = set()
    for violation in found:
        names |= _concerned(played, violation.who)
    lines = played.trace.lines if whole else played.trace.about(names)
    return "\n".join(
        [
            f"seed {played.scene.seed}:",
            *(f"  {violation.invariant} {violation.who}: {violation.what}" for violation in found),
            *(f"    {line[:300]}" for line in lines),
            "again: " + AGAIN.format(seed=played.scene.seed),
        ]
    )


def _concerned(played: Played, who: str) -> set[str]:
    names = {who}
    for number, caller in enumerate(played.callers):
        if who == caller.plan.name or any(view.ask.tag == who for view in caller.views):
            names |= {caller.plan.name, f"caller{number}", f"server{number}"}
    for exchange in played.provider.exchanges.get(who, []):
        names |= {exchange.client.name, exchange.client.peer.name}
    return names
