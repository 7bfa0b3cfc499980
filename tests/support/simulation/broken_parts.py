"""Parts of the service as they must not be, to be put into it: the judge has to notice each of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from dependency_injector import providers
from msgspec.structs import replace
from typing_extensions import override

from domain.model.call import Call, Outcome, Settlement
from domain.model.catalogue import Deployment
from domain.model.chat import ChatRequest
from domain.model.completion import Completion
from domain.model.errors import GatewayError, UpstreamError
from domain.model.stream import Delta
from domain.policies.admission import Admission
from entrypoints.container import Container
from ports.chat_provider import Batch, ChatProvider
from ports.observer import Observer


class _Around:
    """A chat provider around the real one."""

    def __init__(self, inner: ChatProvider) -> None:
        self.inner = inner

    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        """See ports.chat_provider."""
        return await self.inner.complete(request, deployment, call)

    @asynccontextmanager
    async def stream(self, request: ChatRequest, deployment: Deployment, call: Call) -> AsyncIterator[Any]:
        """See ports.chat_provider."""
        async with self.inner.stream(request, deployment, call) as stream:
            yield _Stream(stream, self.batches(stream))

    async def batches(self, stream: Any) -> AsyncIterator[Batch]:
        """The batches as they are to be told."""
        async for batch in stream:
            yield batch


class _Stream:
    def __init__(self, inner: Any, batches: AsyncIterator[Batch]) -> None:
        self._inner = inner
        self._batches = batches

    @property
    def provenance(self) -> Any:
        """See ports.chat_provider."""
        return self._inner.provenance

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self._batches


class ClaimsToBeWhole(_Around):
    """Makes an end where the provider's answer broke off."""

    @override
    async def batches(self, stream: Any) -> AsyncIterator[Batch]:
        last = None
        try:
            async for batch in stream:
                last = batch[-1]
                yield batch
        except UpstreamError:
            if last is None:
                raise
        if last is not None and last.deltas and last.deltas[0].finish_reason is None:
            ends = tuple(Delta(index=delta.index, finish_reason="stop") for delta in last.deltas)
            yield [replace(last, deltas=ends, carried=None)]


class LosesText(_Around):
    """Drops every third batch."""

    @override
    async def batches(self, stream: Any) -> AsyncIterator[Batch]:
        number = 0
        async for batch in stream:
            number += 1
            if number % 3:
                yield batch


class MixesUp(_Around):
    """Gives a caller what the caller before was given."""

    _last: Completion | None = None

    @override
    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        mine = await self.inner.complete(request, deployment, call)
        before, self._last = self._last, mine
        return before or mine


class AsksTwice(_Around):
    """Asks again when it was refused."""

    @override
    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        try:
            return await self.inner.complete(request, deployment, call)
        except GatewayError:
            return await self.inner.complete(request, deployment, call)


class DoesNotLetGo(_Around):
    """Goes on with the provider when the caller has gone."""

    @override
    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        return await asyncio.shield(asyncio.ensure_future(self.inner.complete(request, deployment, call)))


class Stumbles(_Around):
    """Has a mistake in it."""

    @override
    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        raise KeyError(call.id)


class _Told:
    """An observer before the real one."""

    def __init__(self, inner: Observer) -> None:
        self.inner = inner

    def settled(self, settlement: Settlement) -> None:
        """See ports.observer."""
        self.inner.settled(settlement)

    def close(self) -> None:
        """See ports.observer."""
        self.inner.close()


class ToldTwice(_Told):
    """Is told everything twice."""

    @override
    def settled(self, settlement: Settlement) -> None:
        self.inner.settled(settlement)
        self.inner.settled(settlement)


class NeverTold(_Told):
    """Hears nothing of whoever left."""

    @override
    def settled(self, settlement: Settlement) -> None:
        if settlement.outcome != "cancelled":
            self.inner.settled(settlement)


class Flatters(_Told):
    """Makes one outcome of another."""

    def __init__(self, inner: Observer, bad: Outcome, good: Outcome) -> None:
        super().__init__(inner)
        self._bad, self._good = bad, good

    @override
    def settled(self, settlement: Settlement) -> None:
        outcome = self._good if settlement.outcome == self._bad else settlement.outcome
        self.inner.settled(replace(settlement, outcome=outcome))


class Leaks(Admission):
    """Never gives a place back."""

    @override
    def leave(self) -> None:
        pass


def with_provider(kind: type[_Around]) -> Callable[[Container], None]:
    """Puts such a chat provider in the place of the real one."""

    def prepare(container: Container) -> None:
        real: Mapping[str, ChatProvider] = container.chat_providers()
        container.chat_providers.override(providers.Object({name: kind(provider) for name, provider in real.items()}))

    return prepare


def with_observer(make: Callable[[Observer], Observer]) -> Callable[[Container], None]:
    """Puts such an observer before the real one."""

    def prepare(container: Container) -> None:
        container.observer.override(providers.Object(make(container.observer())))

    return prepare


def with_leak(container: Container) -> None:
    """Puts in an admission that leaks."""
    container.admission.override(providers.Object(Leaks(container.settings().max_concurrent_requests)))
