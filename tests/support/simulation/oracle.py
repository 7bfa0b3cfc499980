"""The judge: what must hold of every scene, whatever happened in it. Invariants by their numbers."""

import json
from collections.abc import Iterator

from support.simulation.answer_oracle import answer_violations
from support.simulation.case import Case, Violation, cases
from support.simulation.world import Played

_OURS = ("unexpected error", "Exception in ASGI", "never retrieved", "could not be made")
_MOST_UNSENT = (64 + 256 + 32) * 1024
_EPS_S = 1e-6
_BEFORE_ASGI = {0, 400, 408, 431, 503}
_ERRORS: dict[str, set[str | None]] = {"ok": {None}, "cancelled": {"CancelledError", "GeneratorExit"}}


def judge(played: Played) -> list[Violation]:
    """Everything that is wrong."""
    known = cases(played)
    found = list(_quiet(played))
    found += _bounded(played)
    found += _strangers(played, {case.tag for case in known})
    for case in known:
        found += _once(case)
        found += _in_time(played, case)
        found += _left_behind(played, case)
        if case.came_in and case.settled and case.view.ask.kind != "health":
            found += _outcome(played, case, case.settled[0].settlement.outcome)
        found += _never_asked(case)
        found += answer_violations(played, case)
    return found


def _quiet(played: Played) -> Iterator[Violation]:
    """I6: nothing is left, and nobody complained."""
    network, service = played.network, played.service
    for left in [*played.left_over, *network.loop.troubles, *network.loop.unretrieved()]:
        yield Violation("I6", "service", left)
    for record in played.logged:
        said = record.getMessage()
        if record.levelname in ("ERROR", "CRITICAL") or any(word in said for word in _OURS):
            yield Violation("I6", "service", f"logged: {said}")
    if service.observers.failures or service.ledger.closed != 1:
        yield Violation("I1", "service", f"observers failed or were not closed: {service.observers.failures}")


def _bounded(played: Played) -> Iterator[Violation]:
    """I9: what a caller does not read is not piled up: the high-water mark, and one read of the provider's above it."""
    for end in played.network.inbound.values():
        if end.most_unsent > _MOST_UNSENT:
            yield Violation("I9", end.name, f"{end.most_unsent} bytes were waiting for a caller")


def _strangers(played: Played, known: set[str]) -> Iterator[Violation]:
    for stranger in played.provider.strangers:
        yield Violation("I3", "provider", f"was asked what nobody meant: {stranger}")
    for caller in played.callers:
        if caller.surplus:
            yield Violation("I2", caller.plan.name, caller.surplus)
    for told in played.service.ledger.settled_calls:
        if told.settlement.call.id not in known:
            yield Violation("I1", told.settlement.call.id, "settled, and nobody had asked")


def _once(case: Case) -> Iterator[Violation]:
    """I1: who came in is settled once, and log and settlement say the same. I4: nobody is asked too often."""
    wanted = case.came_in if case.view.ask.kind != "health" else 0
    if case.came_in > 1 or len(case.settled) != wanted:
        yield Violation("I1", case.tag, f"came in {case.came_in} times, settled {len(case.settled)} times")
    for told in case.settled:
        settlement, line = told.settlement, told.line
        same = (line.outcome, line.code, line.attempts, line.stream, line.operation)
        if same != tuple(
            getattr(settlement, name) for name in ("outcome", "code", "attempts", "stream", "operation")
        ):
            yield Violation("I1", case.tag, f"the log says {same}")
        if line.level != ("warning" if settlement.outcome in ("partial", "failed") else "info"):
            yield Violation("I1", case.tag, f"logged as {line.level}")
        bad = settlement.outcome in ("partial", "failed", "rejected")
        if settlement.error not in _ERRORS.get(settlement.outcome, {settlement.error}) or (
            bad and settlement.code is None
        ):
            yield Violation("I1", case.tag, f"{settlement.outcome} by {settlement.error} {settlement.code}")
        if len(case.exchanges) > min(settlement.attempts, 2):
            yield Violation("I4", case.tag, f"{len(case.exchanges)} attempts, {settlement.attempts} told")
    if any(earlier.heard and not earlier.poisoned for earlier in case.exchanges[:-1]):
        yield Violation("I4", case.tag, "asked again though there was an answer")


def _in_time(played: Played, case: Case) -> Iterator[Violation]:
    """No request outlives its time."""
    settings = played.scene.settings
    most = settings["request_timeout"] + settings["client_body_timeout"]
    for told in case.settled:
        if told.settlement.duration > most + _EPS_S:
            yield Violation("I6", case.tag, f"took {told.settlement.duration} s, {most} are allowed")


def _left_behind(played: Played, case: Case) -> Iterator[Violation]:
    """I5: when a caller has gone the provider is left at once."""
    end = played.network.inbound.get(played.callers.index(case.view.caller))
    for told in case.settled:
        if told.settlement.outcome != "ok" and not (told.provider.left or case.poisoned):
            yield Violation("I5", case.tag, "settled, and the provider's connection was open")
        if end is None or end.left_at is None or end.unsent_then or case.queued:
            continue  # bytes to come will tell whether it is there; a queue is not read, so its end is seen late
        late = told.at - end.left_at
        if late > 4 * played.scene.weather.longest + _EPS_S:
            yield Violation("I5", case.tag, f"went on for {late:.3f} s behind a caller who had gone")


def _outcome(played: Played, case: Case, outcome: str) -> Iterator[Violation]:
    """I1 and I2: the outcome is what the caller saw."""
    view = case.view
    may = bool(case.exchanges and case.exchanges[-1].answer.may) or view.ask.kind == "models"
    if outcome == "ok" and not may:
        yield Violation("I2", case.tag, "ok, and the provider had not said all")
    if view.status and view.headers.get("x-request-id") != case.tag:
        yield Violation("I3", case.tag, f"got the id {view.headers.get('x-request-id')}")
    if not view.complete:
        if not _excused(played, case, outcome):
            yield Violation("I1", case.tag, f"{outcome}, and the caller who stayed never got its answer")
    elif view.status != 200:
        yield from _refusal(case, outcome)
    elif view.ask.kind in ("embeddings", "models") and outcome != "ok":
        yield Violation("I1", case.tag, f"{outcome}, and the caller got its answer")


def _excused(played: Played, case: Case, outcome: str) -> bool:
    """Whether a caller has no right to a whole answer: it left, read too slowly, or talked nonsense."""
    caller, plan = case.view.caller, case.view.caller.plan
    if caller.left_at is not None or caller.stopped or any(ask.garbage for ask in plan.asks):
        return True
    slow = bool(plan.reading.rest) and (outcome == "cancelled" or case.queued or played.scene.drain_at is not None)
    return slow or (
        case.code == "caller_left" and played.scene.drain_at is not None
    )  # still sending at the last hour


def _refusal(case: Case, outcome: str) -> Iterator[Violation]:
    view, code = case.view, case.code
    try:
        told = json.loads(bytes(view.body))["error"]["code"]
    except (ValueError, KeyError, TypeError):
        told = "no error of ours"
    fitting = {"failed"} if view.status >= 500 or (view.status == 429 and code != "overloaded") else {"rejected"}
    if code == "shutting_down":
        fitting = {"rejected", "failed"}  # at the door, or when there was no more time
    if told != code or outcome not in fitting or view.status == 500:
        yield Violation("I1", case.tag, f"the caller saw {view.status} {told}, settled as {outcome} {code}")


def _never_asked(case: Case) -> Iterator[Violation]:
    """I11: input never costs a 5xx nor a question to the provider. And who did not come in left no trace."""
    view = case.view
    if view.ask.kind == "refused" and (case.exchanges or (view.status >= 500 and view.status != 503)):
        yield Violation("I11", case.tag, f"{view.status} and {len(case.exchanges)} questions to the provider")
    if not case.came_in and (case.exchanges or view.status not in _BEFORE_ASGI):
        yield Violation("I1", case.tag, f"never came in, and was answered {view.status}")
