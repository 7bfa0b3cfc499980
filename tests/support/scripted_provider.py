"""A chat provider that does what a test's script says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatRequest
from domain.model.completion import Completion, Provenance
from domain.model.errors import GatewayError
from domain.model.stream import Chunk, fold
from domain.model.usage import Cost
from ports.chat_provider import Batch

ORIGIN = Provenance(provider="scripted", model="m", upstream_id="up-1", cost=Cost(5, "provider"))

Step = Batch | GatewayError | Callable[[], object] | asyncio.Event
"""A batch to give, an error to raise, something to call, or an event to wait for."""


class ScriptedProvider:
    """Implements ports.chat_provider. Remembers whether the stream was left."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self.left = False
        self.entered = asyncio.Event()

    async def complete(self, _request: ChatRequest, _deployment: Deployment, _call: Call) -> Completion:
        self.entered.set()
        try:
            chunks: list[Chunk] = []
            for step in self._steps:
                chunks.extend(await _perform(step))
            return fold(chunks, ORIGIN)
        finally:
            self.left = True

    @asynccontextmanager
    async def stream(self, _request: ChatRequest, _deployment: Deployment, _call: Call) -> AsyncIterator["_Stream"]:
        self.entered.set()
        try:
            if self._steps and isinstance(self._steps[0], GatewayError):
                raise self._steps[0]
            yield _Stream(self._steps)
        finally:
            self.left = True


class _Stream:
    provenance = ORIGIN

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        while self._steps:
            batch = await _perform(self._steps.pop(0))
            if batch:
                return batch
        raise StopAsyncIteration


async def _perform(step: Step) -> Batch:
    if isinstance(step, GatewayError):
        raise step
    if isinstance(step, asyncio.Event):
        await step.wait()
        return []
    if isinstance(step, list):
        return step
    step()
    return []
