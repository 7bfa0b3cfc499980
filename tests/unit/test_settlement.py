"""Every call is settled exactly once, whatever its ending, and the settlement tells what happened."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.model.call import Call, Settlement
from domain.model.catalogue import Deployment, Offer
from domain.model.chat import ChatParameters, ChatRequest, UserMessage
from domain.model.errors import (
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    Overloaded,
    ShuttingDown,
    UnknownModel,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamTruncated,
)
from domain.model.stream import Chunk, Delta
from domain.model.usage import Usage
from domain.policies.admission import Admission
from domain.use_cases.accounts import Accounts
from domain.use_cases.complete_chat import CompleteChat
from domain.use_cases.stream_chat import StreamChat
from support.collecting_observer import CollectingObserver
from support.manual_clock import ManualClock
from support.scripted_provider import ScriptedProvider, Step

REQUEST = ChatRequest("scripted/m", ChatParameters(messages=[UserMessage(content="hi")]))


def chunk(*deltas: Delta, usage: Usage | None = None) -> Chunk:
    return Chunk(id="c", created=1, model="m", deltas=deltas, usage=usage)


ROLE = [chunk(Delta(index=0, role=True))]
TEXT = [chunk(Delta(index=0, content="Hello"))]
STOP = [chunk(Delta(index=0, finish_reason="stop")), chunk(usage=Usage(input_tokens=3, output_tokens=2))]


class Bench:
    """The two use cases over a scripted provider, a clock that stands still and an observer that remembers."""

    def __init__(self, steps: Sequence[Step], limit: int = 1) -> None:
        self.clock = ManualClock(now=100.0)
        self.observer = CollectingObserver()
        self.admission = Admission(limit)
        self.provider = ScriptedProvider(steps)
        accounts = Accounts(self.clock, self.observer, self.admission)
        offers = (Offer(provider="scripted", models=("m",)),)
        self.complete = CompleteChat({"scripted": self.provider}, offers, accounts)
        self.stream = StreamChat({"scripted": self.provider}, offers, accounts)
        self.call = Call(id="r1", caller="someone", started=100.0, deadline=700.0)

    async def read(self, request: ChatRequest = REQUEST) -> list[Chunk]:
        async with self.stream(request, self.call) as answer:
            return [chunk async for batch in answer for chunk in batch]

    async def ask(self, *, stream: bool, request: ChatRequest = REQUEST) -> None:
        await (self.read(request) if stream else self.complete(request, self.call))

    @property
    def settlement(self) -> Settlement:
        (only,) = self.observer.settlements
        assert self.admission.in_flight == 0
        return only


@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_answer_is_ok(*, stream: bool) -> None:
    bench = Bench([ROLE, TEXT, STOP])
    bench.clock.advance(1.0)
    await bench.ask(stream=stream)
    settled = bench.settlement
    assert settled.outcome == "ok"
    assert (settled.usage.input_tokens, settled.usage.output_tokens) == (3, 2)
    assert settled.finish_reasons == ("stop",)
    assert settled.cost is not None
    assert settled.upstream_id == "up-1"
    assert settled.deployment == Deployment("scripted", "m")
    assert (settled.duration, settled.attempts, settled.stream) == (1.0, 1, stream)
    assert (settled.error, settled.code) == (None, None)


async def test_times_are_told_apart() -> None:
    slow: list[Step] = []
    bench = Bench(slow)
    slow.extend([ROLE, lambda: bench.clock.advance(2.0), TEXT, lambda: bench.clock.advance(0.5), STOP])
    await bench.read()
    settled = bench.settlement
    assert (settled.first_token, settled.upstream, settled.duration, settled.overhead) == (2.0, 2.5, 2.5, 0.0)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("error", [UpstreamFailed("x"), UpstreamRateLimited("x", retry_after=1.0)])
async def test_an_upstream_error_before_content_is_failed(error: GatewayError, *, stream: bool) -> None:
    bench = Bench([error])
    with pytest.raises(type(error)):
        await bench.ask(stream=stream)
    assert (bench.settlement.outcome, bench.settlement.code) == ("failed", error.code)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("error", [InvalidRequest("x", param="messages"), UnknownModel("x")])
async def test_the_callers_fault_is_rejected(error: GatewayError, *, stream: bool) -> None:
    bench = Bench([error])
    with pytest.raises(type(error)):
        await bench.ask(stream=stream)
    assert (bench.settlement.outcome, bench.settlement.error) == ("rejected", type(error).__name__)


async def test_an_error_behind_content_is_partial() -> None:
    bench = Bench([ROLE, TEXT, UpstreamFailed("x")])
    with pytest.raises(UpstreamFailed):
        await bench.read()
    assert bench.settlement.outcome == "partial"


@pytest.mark.parametrize(("steps", "outcome"), [([ROLE, TEXT], "partial"), ([ROLE], "failed"), ([], "failed")])
async def test_a_stream_that_stops_early_is_truncated(steps: list[Step], outcome: str) -> None:
    bench = Bench(steps)
    with pytest.raises(UpstreamTruncated):
        await bench.read()
    assert (bench.settlement.outcome, bench.settlement.code) == (outcome, "upstream_truncated")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("before", [[], [ROLE, TEXT]])
async def test_a_cancelled_call_is_cancelled_and_leaves_the_provider(before: list[Step], *, stream: bool) -> None:
    bench = Bench([*before, asyncio.Event()])
    asking = asyncio.ensure_future(bench.ask(stream=stream))
    await bench.provider.entered.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert bench.settlement.outcome == "cancelled"
    assert bench.provider.left


@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_whose_time_is_over_is_failed_with_its_own_error(*, stream: bool) -> None:
    bench = Bench([asyncio.Event()])
    asking = asyncio.ensure_future(bench.ask(stream=stream))
    await bench.provider.entered.wait()
    bench.clock.advance(600.0)
    with pytest.raises(DeadlineExceeded):
        await asking
    assert (bench.settlement.outcome, bench.settlement.code) == ("failed", "deadline_exceeded")
    assert bench.provider.left


async def test_an_error_of_the_reader_is_settled_too() -> None:
    bench = Bench([ROLE, TEXT, STOP])
    with pytest.raises(ZeroDivisionError):
        async with bench.stream(REQUEST, bench.call) as answer:
            async for _ in answer:
                raise ZeroDivisionError
    assert (bench.settlement.outcome, bench.settlement.error) == ("failed", "ZeroDivisionError")
    assert bench.provider.left


@pytest.mark.parametrize("stream", [True, False])
async def test_an_unknown_model_asks_nobody(*, stream: bool) -> None:
    bench = Bench([])
    with pytest.raises(UnknownModel):
        await bench.ask(stream=stream, request=ChatRequest("nobody/m", REQUEST.parameters))
    assert (bench.settlement.outcome, bench.settlement.attempts) == ("rejected", 0)
    assert not bench.provider.entered.is_set()


@pytest.mark.parametrize("stream", [True, False])
async def test_more_than_the_limit_is_rejected_and_settled(*, stream: bool) -> None:
    bench = Bench([], limit=0)
    with pytest.raises(Overloaded) as caught:
        await bench.ask(stream=stream)
    assert caught.value.retry_after is not None
    assert bench.settlement.outcome == "rejected"


@pytest.mark.parametrize("stream", [True, False])
async def test_nothing_new_is_taken_while_draining(*, stream: bool) -> None:
    bench = Bench([ROLE, TEXT, STOP])
    bench.admission.drain()
    with pytest.raises(ShuttingDown):
        await bench.ask(stream=stream)
    assert bench.settlement.outcome == "rejected"
