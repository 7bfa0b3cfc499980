"""Chats with the fake provider, for its tests: requests from plain dictionaries, answers whole or as chunks."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from typing_extensions import override

from adapters.chat_provider.fake.provider import FakeChatProvider
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatParameters, ChatRequest
from domain.model.completion import Completion, Reply
from domain.model.stream import Chunk
from ports.chat_provider import Batch, ChatProvider
from support.manual_clock import ManualClock

CALL = Call(id="call", caller="test", started=0.0, deadline=1e9)
USER = {"role": "user", "content": "Say three words, please."}
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
OTHER_TOOL = {"type": "function", "function": {"name": "clock"}}
CUSTOM_TOOL = {"type": "custom", "custom": {"name": "shell"}}


def asked(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    body = msgspec.json.encode({"messages": list(messages) or [USER], **fields})
    return ChatRequest("test", msgspec.json.decode(body, type=ChatParameters))


class FastClock(ManualClock):
    """Sleeping takes no time but the clock's own."""

    @override
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


async def whole(model: str, request: ChatRequest) -> Completion:
    provider: ChatProvider = FakeChatProvider(FastClock())
    return await provider.complete(request, Deployment("fake", model), CALL)


async def batches(model: str, request: ChatRequest, clock: ManualClock | None = None) -> AsyncIterator[Batch]:
    provider: ChatProvider = FakeChatProvider(clock or FastClock())
    async with provider.stream(request, Deployment("fake", model), CALL) as stream:
        assert stream.provenance.provider == "fake"
        async for batch in stream:
            yield batch


async def streamed(model: str, request: ChatRequest) -> list[Chunk]:
    return [chunk async for batch in batches(model, request) for chunk in batch]


async def reply(model: str, request: ChatRequest) -> Reply:
    return (await whole(model, request)).choices[0].reply
