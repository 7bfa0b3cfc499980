"""Answers chats. One call is one attempt at one deployment: it never retries by itself.

Errors of both methods are `domain.model.errors.UpstreamError` where the provider is at fault and `CallerError` where
the request is.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatRequest
from domain.model.completion import Completion, Provenance
from domain.model.stream import Chunk

Batch = list[Chunk]
"""All that one read of the network brought; becomes one write to the caller. Never empty."""


class ChatStream(Protocol):
    """An answer under way: batches of chunks until the provider ends it.

    Iteration ends where the provider's answer ends, whether it was finished or not: the use case judges that. It
    raises UpstreamError where the provider failed in the middle.
    """

    @property
    def provenance(self) -> Provenance:
        """Where it comes from; the cost is known, if at all, once iteration has ended."""

    def __aiter__(self) -> AsyncIterator[Batch]:
        """The batches, in order."""


class ChatProvider(Protocol):
    """A provider of chat completions."""

    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        """The whole answer. Cancelling it closes the connection to the provider."""

    def stream(
        self, request: ChatRequest, deployment: Deployment, call: Call
    ) -> AbstractAsyncContextManager[ChatStream]:
        """The answer in pieces. Entering sends the request and waits until the provider accepts it.

        Leaving, for whatever reason, closes the connection to the provider at once.
        """
