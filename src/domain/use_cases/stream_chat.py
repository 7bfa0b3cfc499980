"""Answer a chat in pieces, as they come."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace

from domain.model.call import Call
from domain.model.catalogue import Offer
from domain.model.chat import ChatRequest
from domain.model.completion import Provenance
from domain.policies.completeness import StreamTally
from domain.policies.routing import route
from domain.use_cases.accounts import Account, Accounts
from domain.use_cases.attempts import attempts
from domain.use_cases.endings import until_first_token, while_service_lasts, within_deadline
from domain.use_cases.interruption import Interruption
from ports.chat_provider import Batch, ChatProvider, ChatStream
from ports.clock import Clock

FIRST_TOKEN_TIMEOUT_S = 120.0
"""How long a provider may say nothing, unless it is configured."""


class StreamChat:
    """Route, ask the provider, pass the pieces on, settle."""

    def __init__(
        self,
        providers: Mapping[str, ChatProvider],
        offers: Sequence[Offer],
        accounts: Accounts,
        first_token_timeout: float = FIRST_TOKEN_TIMEOUT_S,
    ) -> None:
        self._providers = providers
        self._offers = offers
        self._accounts = accounts
        self._clock = accounts.clock
        self._first_token_timeout = first_token_timeout

    @asynccontextmanager
    async def __call__(self, request: ChatRequest, call: Call) -> AsyncIterator["Answer"]:
        """The answer under way. Raises GatewayError on entering where the provider refuses.

        Leaving closes the connection to the provider and settles the call. Enter, iterate and leave in one task.
        """
        with self._accounts.open(call, "chat", request.model, stream=True) as account:
            deployment = route(request.model, self._offers)
            provider = self._providers[deployment.provider]
            async with AsyncExitStack() as stack:
                stack.enter_context(within_deadline(self._clock, call))
                stack.enter_context(while_service_lasts(self._accounts.admission))
                silence = until_first_token(self._clock, self._first_token_timeout)
                stack.enter_context(silence)
                upstream = await attempts(
                    account,
                    deployment,
                    lambda: stack.enter_async_context(provider.stream(request, deployment, call)),
                )
                account.note_provenance(upstream.provenance)
                yield Answer(upstream, account, self._clock, silence)


class Answer:
    """Batches of chunks until the answer is whole.

    Iteration ends normally only after every choice said why it ended; a stream that stops earlier raises
    UpstreamTruncated.
    """

    def __init__(self, upstream: ChatStream, account: Account, clock: Clock, silence: Interruption) -> None:
        self._upstream = upstream
        self._batches = aiter(upstream)
        self._account = account
        self._clock = clock
        self._silence = silence
        self._tally = StreamTally()

    @property
    def provenance(self) -> Provenance:
        """Where the answer comes from, as known so far."""
        account = self._account
        return replace(self._upstream.provenance, attempts=account.attempts, waited=account.waited)

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        account, tally = self._account, self._tally
        asked_at = self._clock.now()
        try:
            batch = await anext(self._batches)
        except StopAsyncIteration:
            self._close_books()
            tally.require_whole()
            raise
        finally:
            account.waited += self._clock.now() - asked_at
        for chunk in batch:
            tally.see(chunk)
        account.usage = tally.usage
        if tally.has_content and not account.delivered:
            account.note_first_token()
            self._silence.call_off()
        return batch

    def _close_books(self) -> None:
        self._account.finish_reasons = self._tally.finish_reasons
        self._account.note_provenance(self._upstream.provenance)
