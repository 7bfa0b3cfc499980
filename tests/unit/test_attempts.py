"""A request is asked again once, where a kept connection proved stale, and never else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from domain.model.call import Call, Settlement
from domain.model.catalogue import Deployment, Offer
from domain.model.chat import ChatParameters, ChatRequest, UserMessage
from domain.model.completion import Completion
from domain.model.embedding import Embedding, EmbeddingParameters, EmbeddingRequest, Embeddings
from domain.model.errors import (
    ConnectionWasStale,
    DeadlineExceeded,
    GatewayError,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from domain.model.stream import Chunk, Delta, fold
from domain.policies.admission import Admission
from domain.use_cases.accounts import Accounts
from domain.use_cases.complete_chat import CompleteChat
from domain.use_cases.embed import Embed
from domain.use_cases.stream_chat import StreamChat
from ports.chat_provider import ChatStream
from support.collecting_observer import CollectingObserver
from support.manual_clock import ManualClock
from support.scripted_provider import ORIGIN, ScriptedProvider

CHAT = ChatRequest("scripted/m", ChatParameters(messages=[UserMessage(content="hi")]))
TEXTS = EmbeddingRequest("scripted/m", EmbeddingParameters(input=["a"]))
ANSWER = [
    Chunk(id="c", created=1, model="m", deltas=(Delta(index=0, role=True, content="Hello"),)),
    Chunk(id="c", created=1, model="m", deltas=(Delta(index=0, finish_reason="stop"),)),
]
STALE = ConnectionWasStale("gone")
Beginning = GatewayError | Callable[[], GatewayError] | asyncio.Event | None
"""How one time of asking begins: an error, one that is made then, a wait for ever, or an answer."""


class Provider:
    """Of chats and vectors; every time it is asked it begins as the next in a row."""

    def __init__(self, *beginnings: Beginning) -> None:
        self._beginnings = list(beginnings)
        self.asked: list[Deployment] = []
        self.waiting = asyncio.Event()

    async def complete(self, _request: ChatRequest, deployment: Deployment, _call: Call) -> Completion:
        await self._begin(deployment)
        return fold(ANSWER, ORIGIN)

    @asynccontextmanager
    async def stream(self, request: ChatRequest, deployment: Deployment, call: Call) -> AsyncIterator[ChatStream]:
        await self._begin(deployment)
        async with ScriptedProvider([ANSWER]).stream(request, deployment, call) as stream:
            yield stream

    async def embed(self, _request: EmbeddingRequest, deployment: Deployment, _call: Call) -> Embeddings:
        await self._begin(deployment)
        return Embeddings(model="m", vectors=(Embedding(0, (0.5,)),), provenance=ORIGIN)

    async def _begin(self, deployment: Deployment) -> None:
        self.asked.append(deployment)
        beginning = self._beginnings.pop(0)
        if isinstance(beginning, asyncio.Event):
            self.waiting.set()
            await beginning.wait()
            beginning = STALE
        if beginning is not None:
            raise beginning if isinstance(beginning, GatewayError) else beginning()


class Bench:
    """The three use cases over such a provider."""

    def __init__(self, way: str, *beginnings: Beginning) -> None:
        self.clock = ManualClock(now=100.0)
        self.observer = CollectingObserver()
        self.provider = Provider(*beginnings)
        accounts = Accounts(self.clock, self.observer, Admission(1))
        offers = (Offer(provider="scripted", models=("m",)),)
        self._complete = CompleteChat({"scripted": self.provider}, offers, accounts)
        self._stream = StreamChat({"scripted": self.provider}, offers, accounts)
        self._embed = Embed({"scripted": self.provider}, offers, accounts)
        self._way = way
        self.call = Call(id="r1", caller="someone", started=100.0, deadline=700.0)

    async def ask(self) -> int:
        """What the answer says of attempts."""
        if self._way == "whole":
            return (await self._complete(CHAT, self.call)).provenance.attempts
        if self._way == "embeddings":
            return (await self._embed(TEXTS, self.call)).provenance.attempts
        async with self._stream(CHAT, self.call) as answer:
            assert [chunk async for batch in answer for chunk in batch] == ANSWER
            return answer.provenance.attempts

    @property
    def settlement(self) -> Settlement:
        (only,) = self.observer.settlements
        return only


pytestmark = pytest.mark.parametrize("way", ["whole", "stream", "embeddings"])


async def test_an_answer_at_once_is_one_attempt(way: str) -> None:
    bench = Bench(way, None)
    assert await bench.ask() == 1
    assert (bench.settlement.outcome, bench.settlement.attempts) == ("ok", 1)


async def test_a_stale_connection_is_a_second_attempt_at_the_same_deployment(way: str) -> None:
    bench = Bench(way, STALE, None)
    assert await bench.ask() == 2
    assert bench.provider.asked == [Deployment("scripted", "m")] * 2
    assert (bench.settlement.outcome, bench.settlement.attempts) == ("ok", 2)
    assert bench.settlement.error is None


@pytest.mark.parametrize("second", [STALE, UpstreamUnreachable("x"), UpstreamTimeout("x"), UpstreamFailed("x")])
async def test_there_is_no_third_attempt(way: str, second: GatewayError) -> None:
    bench = Bench(way, STALE, second)
    with pytest.raises(type(second)):
        await bench.ask()
    assert (bench.settlement.outcome, bench.settlement.attempts) == ("failed", 2)


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnreachable("x"),
        UpstreamTimeout("x"),
        UpstreamTruncated("x"),
        UpstreamInvalid("x"),
        UpstreamFailed("x"),
    ],
)
async def test_no_other_error_is_asked_again(way: str, error: GatewayError) -> None:
    bench = Bench(way, error)
    with pytest.raises(type(error)):
        await bench.ask()
    assert bench.settlement.attempts == 1


async def test_the_time_of_all_attempts_is_waited_for_the_provider(way: str) -> None:
    bench = Bench(way, lambda: takes(2.0), lambda: takes(3.0))

    def takes(seconds: float) -> GatewayError:
        bench.clock.advance(seconds)
        return STALE

    with pytest.raises(ConnectionWasStale):
        await bench.ask()
    assert (bench.settlement.upstream, bench.settlement.overhead) == (5.0, 0.0)


async def test_who_left_in_the_same_turn_is_not_asked_for_again(way: str) -> None:
    ends = asyncio.Event()
    bench = Bench(way, ends)
    asking = asyncio.ensure_future(bench.ask())
    await bench.provider.waiting.wait()
    ends.set()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (bench.settlement.outcome, bench.settlement.attempts) == ("cancelled", 1)


async def test_a_call_whose_time_is_over_in_the_same_turn_is_not_asked_again(way: str) -> None:
    ends = asyncio.Event()
    bench = Bench(way, ends)
    asking = asyncio.ensure_future(bench.ask())
    await bench.provider.waiting.wait()
    bench.clock.advance(600.0)
    await asyncio.sleep(0)  # the alarm rings
    ends.set()
    with pytest.raises(DeadlineExceeded):
        await asking
    assert (bench.settlement.code, bench.settlement.attempts) == ("deadline_exceeded", 1)


async def test_one_deadline_holds_for_all_attempts(way: str) -> None:
    bench = Bench(way, STALE, asyncio.Event())
    asking = asyncio.ensure_future(bench.ask())
    await bench.provider.waiting.wait()
    bench.clock.advance(600.0)
    with pytest.raises(DeadlineExceeded):
        await asking
    assert bench.settlement.attempts == 2
