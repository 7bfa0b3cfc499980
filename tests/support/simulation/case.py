"""What is known of each request of a scene, and what can be wrong with it."""

from collections import Counter

from msgspec import Struct

from support.simulation.caller import View
from support.simulation.provider import Exchange
from support.simulation.service import Settled
from support.simulation.world import Played


class Violation(Struct, frozen=True):
    """One invariant that did not hold, and of whom."""

    invariant: str
    who: str
    what: str


class Case(Struct):
    """One request, with all that is known of it."""

    view: View
    came_in: int
    settled: list[Settled]
    exchanges: list[Exchange]

    @property
    def tag(self) -> str:
        """Its id."""
        return self.view.ask.tag

    @property
    def queued(self) -> bool:
        """Whether its caller sent requests behind it, or before it, without waiting for answers."""
        plan = self.view.caller.plan
        return plan.order != "one by one" and len(plan.asks) > 1

    @property
    def poisoned(self) -> bool:
        """Whether its provider may have been heard wrongly, by no fault of ours."""
        return any(exchange.poisoned for exchange in self.exchanges)

    @property
    def code(self) -> str | None:
        """What its settlement says."""
        return self.settled[0].settlement.code if self.settled else None


def cases(played: Played) -> list[Case]:
    """Every request of every caller."""
    came = Counter(played.service.witness.seen)
    settled: dict[str, list[Settled]] = {}
    for told in played.service.ledger.settled_calls:
        settled.setdefault(told.settlement.call.id, []).append(told)
    return [
        Case(view, came[view.ask.tag], settled.get(view.ask.tag, []), played.provider.exchanges.get(view.ask.tag, []))
        for caller in played.callers
        for view in caller.views
    ]
