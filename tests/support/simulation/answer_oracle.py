"""The judge of answers: their form, whose words they are, and whether a fault is told as what it is."""

from collections.abc import Iterator

from support.simulation.case import Case, Violation
from support.simulation.faults import CODES
from support.simulation.seen import Seen, read_stream, read_whole, speakers
from support.simulation.world import Played

_EPS_S = 1e-6
_STREAM = "text/event-stream"
_ANYWAY = {"deadline_exceeded", "shutting_down", "overloaded"}
_NO_WAY = {"upstream_unreachable", "upstream_timeout"}
_ANSWERED = ("stream", "whole", "embeddings")


def answer_violations(played: Played, case: Case) -> Iterator[Violation]:
    """What is wrong with an answer to a request that came in."""
    if not case.came_in or not case.settled or case.view.ask.kind not in _ANSWERED:
        return
    yield from _words(case, case.settled[0].settlement.outcome)
    if case.poisoned:
        return
    yield from _silence(played, case)
    if case.view.complete:
        yield from _expected(played, case)


def _words(case: Case, outcome: str) -> Iterator[Violation]:
    """I2 and I3: the form of an answer, its text, and whose it is."""
    view, body = case.view, bytes(case.view.body)
    if view.status != 200 or view.ask.kind not in ("stream", "whole"):
        return
    streamed = view.headers.get("content-type", "").startswith(_STREAM)
    if not (streamed or view.complete):
        return
    seen = read_stream(body, complete=view.complete) if streamed else read_whole(body)
    if streamed != (view.ask.kind == "stream"):
        yield Violation("I2", case.tag, "answered in the other form")
    fitting = {"done": {"ok"}, "error": {"partial", "failed", "rejected"}, "cut": {outcome}}.get(seen.form, set())
    if outcome not in fitting or (seen.form == "error" and seen.code != case.code):
        yield Violation("I2", case.tag, f"the caller saw {seen.form} {seen.code}, settled as {outcome} {case.code}")
    said = any(seen.texts.values())
    if said and outcome in ("failed", "rejected"):
        yield Violation("I1", case.tag, f"{outcome}, and the caller had been told something")
    if (
        seen.form == "error" and outcome == "partial" and not said and not case.queued
    ):  # may stand behind what is unread
        yield Violation("I1", case.tag, "partial, and the caller had been told nothing")
    yield from _text(case, seen, body)


def _text(case: Case, seen: Seen, body: bytes) -> Iterator[Violation]:
    answer = case.exchanges[-1].answer if case.exchanges else None
    mine = {f"{case.tag}.{len(case.exchanges) - 1}"}
    if not speakers(body) <= mine:
        yield Violation("I3", case.tag, f"words of {sorted(speakers(body) - mine)}")
    for index, text in seen.texts.items():
        sent = "" if answer is None else answer.texts.get(index, "")
        if not sent.startswith(text) or (seen.form == "done" and sent != text):
            yield Violation("I2", case.tag, f"choice {index} said {text[:80]!r}..., sent was {sent[:80]!r}...")
    if seen.form == "done" and (answer is None or set(seen.texts) != set(answer.texts)):
        yield Violation("I2", case.tag, f"choices {sorted(seen.texts)}")


def _expected(played: Played, case: Case) -> Iterator[Violation]:
    """A fault is told as what it is, and where there was none the answer is whole."""
    view = case.view
    if case.code in _ANYWAY or (case.code == "upstream_timeout" and _waited(played, case)):
        return
    if not case.exchanges:
        if case.code in _NO_WAY and not played.network.failed_dials:
            yield Violation("I2", case.tag, f"{case.code}, and the provider could be reached")
        return
    wanted, code = case.exchanges[-1].answer.status, CODES.get(view.ask.fault, case.code)
    begun = wanted != 200 and view.status == 200 and view.ask.kind == "stream" and b'{"error":' in view.body
    ended_well = view.status == 200 and case.settled[0].settlement.outcome == "ok"
    if (wanted not in (None, view.status) and not begun) or (wanted == 200 and not ended_well) or case.code != code:
        yield Violation("I2", case.tag, f"saw {view.status} {case.code}, {wanted} {code} was to be expected")
    if code == "rate_limit_exceeded" and view.status == 429 and view.headers.get("retry-after") != "7":
        yield Violation("I2", case.tag, "429 without the time to wait")


def _waited(played: Played, case: Case) -> bool:
    settings = played.scene.settings
    least = min(settings[f"{name}_timeout"] for name in ("header", "idle", "first_token", "connect"))
    return bool(case.settled[0].settlement.duration >= least - _EPS_S)


def _silence(played: Played, case: Case) -> Iterator[Violation]:
    """A provider that goes silent is waited for no longer than agreed, and nobody else is said to be silent."""
    told = case.settled[0]
    if case.code == "upstream_timeout" and told.provider.unheard_for > _EPS_S:
        yield Violation("I2", case.tag, f"{told.provider.unheard_for:.3f} s silent, and it was not listened to")
    plan = case.view.caller.plan
    if not case.exchanges or case.view.caller.stopped or plan.reading.rest:
        return  # while a caller does not read, nobody waits for the provider
    last = case.exchanges[-1]
    head = last.answer.wire.find(b"\r\n\r\n") + 4
    if not last.answer.silent or not 4 <= head <= last.heard:
        return
    waited = told.at - last.client.last_read_at
    if waited > played.scene.settings["idle_timeout"] + _EPS_S:
        yield Violation("I6", case.tag, f"waited {waited:.3f} s for a silent provider")
