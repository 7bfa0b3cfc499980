"""Seeds of upstream streams: any mutation of a valid stream ends in exactly form (a) or (b), and (a) is true."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from support.fuzz.in_process import Exchange, InProcess, Upstream
from support.fuzz.judge import Naive
from support.fuzz.published import Published, published
from support.fuzz.stream_client import Reading, labelled, need
from support.fuzz.stream_corpus import BY_HAND, Event, recorded
from support.fuzz.stream_mutation import Mutated, mutate_stream
from support.fuzz.verdicts import Verdict, generator, judged, refused, settled

CHAT = "/v1/chat/completions"
MAX_EVENT = 65_536
_EVENT_STREAM = "text/event-stream; charset=utf-8"
_TYPES = ("application/json", "text/html", "", "text/plain", "TEXT/Event-Stream", "text/event-stream")
_STATUSES = (200, 201, 204, 400, 401, 404, 413, 429, 500, 503, 999)


class Case(Struct, frozen=True, kw_only=True):
    """One upstream answer, and whether the caller wants the usage. `valid`: it has to end well."""

    name: str
    sent: Mutated
    usage_wanted: bool = True
    valid: bool = False
    status: int = 200
    content_type: str = _EVENT_STREAM

    @property
    def upstream(self) -> Upstream:
        headers = {"content-type": self.content_type}
        return Upstream(status=self.status, headers=headers, pieces=self.sent.pieces, breaks=self.sent.breaks)


def plain_case(body: bytes) -> Case:
    """A stream of these bytes, in one piece."""
    return Case(name="a row", sent=Mutated(body, [body], breaks=False, changes=1))


def request_body(*, usage_wanted: bool) -> bytes:
    """A caller's request for a stream."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    return json.dumps(body | ({"stream_options": {"include_usage": True}} if usage_wanted else {})).encode()


def judge(exchange: Exchange, case: Case, document: Published) -> str:
    """How the answer ended. Raises Broken where a promise was."""
    need(len(exchange.requests) == 1, f"{len(exchange.requests)} upstream requests")
    if exchange.status != 200:
        refused(exchange)
        need(not case.valid, "a valid stream was refused")
        record = settled(exchange)
        need(record.outcome in ("failed", "rejected"), f"{exchange.status} settled as {record.outcome}")
        return f"{exchange.status}"
    need(exchange.headers[b"content-type"] == b"text/event-stream; charset=utf-8", "content-type of a stream")
    reading = Reading(exchange.body, document, usage_wanted=case.usage_wanted)
    record, naive = settled(exchange), Naive(case.sent.body)
    if reading.form == "a":
        need(record.outcome == "ok", f"[DONE] settled as {record.outcome}")
        need(naive.why_not_whole is None, f"FALSE END: [DONE] in spite of {naive.why_not_whole}")
        need(reading.texts == naive.texts, "text was lost or changed")
        need(len(record.finish_reasons) == len(reading.finished), "finish reasons of the record")
        return labelled("200 (a) [DONE]", reading.misfits)
    need(not case.valid, "a valid stream ended in an error")
    begins = (naive.texts.get(place, "").startswith(text) for place, text in reading.texts.items())
    need(all(begins), "more was said than the provider said")
    allowed = ("partial",) if reading.said_something else ("failed", "rejected")  # rejected: the prompt's fault
    need(record.outcome in allowed, f"form (b) settled as {record.outcome} instead of {allowed[0]}")
    assert reading.error is not None
    need(record.code == reading.error["code"], f"settled as {record.code}, told as {reading.error['code']}")
    need(record.code != "internal_error", "an internal error in a stream")
    return labelled("200 (b) error event", reading.misfits)


class StreamSeeds:
    """Implements support.fuzz.verdicts.Seeds over a corpus of valid streams."""

    def __init__(self, corpus: dict[str, list[Event]], *, valid: bool) -> None:
        self._corpus = corpus
        self._valid = valid
        self._case: Case | None = None
        self.service = InProcess(lambda _request: self.case.upstream, max_event_bytes=MAX_EVENT)

    @property
    def case(self) -> Case:
        """The case under way."""
        assert self._case is not None
        return self._case

    def make(self, seed: int) -> Case:
        """The case of a seed."""
        rng = generator(seed)
        name = rng.choice(list(self._corpus))
        usage_wanted = rng.random() < 0.5
        sent = mutate_stream(self._corpus[name], rng)
        valid = self._valid and not sent.changes
        if not sent.changes or rng.random() > 0.04:
            return Case(name=name, sent=sent, usage_wanted=usage_wanted, valid=valid)
        status, kind = rng.choice(_STATUSES), rng.choice(_TYPES)
        return Case(name=name, sent=sent, usage_wanted=usage_wanted, status=status, content_type=kind)

    async def one(self, seed: int) -> Verdict:
        """See support.fuzz.verdicts."""
        return await self.answer(self.make(seed))

    async def answer(self, case: Case) -> Verdict:
        """The verdict on a case."""
        self._case = case
        exchange = await self.service.ask(CHAT, request_body(usage_wanted=case.usage_wanted))
        document = await published(self.service)
        return judged(exchange, lambda found: judge(found, case, document), upstream=case.sent.body)


@asynccontextmanager
async def stream_seeds() -> AsyncIterator[StreamSeeds]:
    """Over the streams that were made by hand."""
    seeds = StreamSeeds(BY_HAND, valid=True)
    async with seeds.service:
        yield seeds


@asynccontextmanager
async def recorded_stream_seeds() -> AsyncIterator[StreamSeeds]:
    """Over the recorded streams, where they are at hand."""
    seeds = StreamSeeds(recorded(), valid=False)
    async with seeds.service:
        yield seeds
