"""A provider of your own: a parrot that says the last message back, louder. docs/adding-a-provider.md explains it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatRequest, UserMessage
from domain.model.completion import Choice, Completion, Provenance, Reply
from domain.model.errors import UnknownModel
from domain.model.stream import Chunk, split
from ports.chat_provider import Batch

ORIGIN = Provenance(provider="parrot", model="parrot/loud")


class ParrotProvider:
    """Implements ports.chat_provider: one whole answer, and the same answer in pieces."""

    async def complete(self, request: ChatRequest, deployment: Deployment, _call: Call) -> Completion:
        """See ports.chat_provider."""
        if deployment.model != "loud":
            raise UnknownModel(f"The parrot knows no '{deployment.model}'.", nearest=("parrot/loud",))
        heard = next((m.content for m in reversed(request.parameters.messages) if isinstance(m, UserMessage)), "")
        said = heard.upper() if isinstance(heard, str) else "SQUAWK"
        choice = Choice(index=0, reply=Reply(content=said), finish_reason="stop")
        return Completion(id="parrot-1", created=1, model=request.model, choices=(choice,), provenance=ORIGIN)

    @asynccontextmanager
    async def stream(self, request: ChatRequest, deployment: Deployment, call: Call) -> AsyncIterator["ParrotStream"]:
        """See ports.chat_provider."""
        yield ParrotStream(split(await self.complete(request, deployment, call)))


class ParrotStream:
    """Implements ports.chat_provider.ChatStream: a batch for each chunk."""

    provenance = ORIGIN

    def __init__(self, chunks: list[Chunk]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        for chunk in self._chunks:
            return [chunk]
        raise StopAsyncIteration
