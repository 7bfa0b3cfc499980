"""The fake provider's side of the chat port: finds the model, keeps its pace, and fails where it is said to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from typing_extensions import override

from adapters.chat_provider.fake.completion import provenance, whole_answer
from adapters.chat_provider.fake.failures import fail
from adapters.chat_provider.fake.models import FakeModel, chat_model
from adapters.chat_provider.fake.script import duration, steps
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatRequest
from domain.model.completion import Completion, Provenance
from ports.chat_provider import Batch, ChatProvider, ChatStream
from ports.clock import Clock


class FakeChatProvider(ChatProvider):
    """Answers without anybody being asked. The same request gets the same answer, streamed or not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @override
    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        """See ports.chat_provider. A paced model answers when it would have said its last word."""
        model = chat_model(deployment.model)
        if model.failure is not None:
            await fail(model.failure, self._clock)
        answer = whole_answer(model, request.parameters)
        if model.pace is not None:
            await self._clock.sleep(duration(model, answer))
        return answer

    @override
    @asynccontextmanager
    async def stream(self, request: ChatRequest, deployment: Deployment, call: Call) -> AsyncIterator[ChatStream]:
        """See ports.chat_provider."""
        model = chat_model(deployment.model)
        if model.failure is not None and model.failure.where == "start":
            await fail(model.failure, self._clock)
        yield FakeChatStream(model, whole_answer(model, request.parameters), self._clock)


class FakeChatStream(ChatStream):
    """The steps of an answer, each at its time. Holds nothing that would have to be closed."""

    def __init__(self, model: FakeModel, answer: Completion, clock: Clock) -> None:
        self._model = model
        self._steps = steps(model, answer)
        self._clock = clock
        self._began = clock.now()

    @property
    @override
    def provenance(self) -> Provenance:
        """See ports.chat_provider. Fake answers have no cost."""
        return provenance(self._model)

    @override
    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        step = next(self._steps, None)
        if step is None:
            return await self._end()
        # Measured from the beginning, so that small delays do not add up.
        wait = self._began + step.due - self._clock.now()
        # Waits even where nothing is due: a long answer must not keep the event loop to itself.
        await self._clock.sleep(max(0.0, wait))
        return step.batch

    async def _end(self) -> Batch:
        failure = self._model.failure
        if failure is not None and not failure.silent:
            await fail(failure, self._clock)
        raise StopAsyncIteration
