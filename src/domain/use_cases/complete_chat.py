"""Answer a chat as a whole."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from domain.model.call import Call
from domain.model.catalogue import Offer
from domain.model.chat import ChatRequest
from domain.model.completion import Completion
from domain.policies.routing import route
from domain.use_cases.accounts import Accounts
from domain.use_cases.attempts import attempts
from domain.use_cases.endings import while_service_lasts, within_deadline
from ports.chat_provider import ChatProvider


class CompleteChat:
    """Route, ask the provider, settle."""

    def __init__(self, providers: Mapping[str, ChatProvider], offers: Sequence[Offer], accounts: Accounts) -> None:
        self._providers = providers
        self._offers = offers
        self._accounts = accounts
        self._clock = accounts.clock

    async def __call__(self, request: ChatRequest, call: Call) -> Completion:
        """The answer. Raises GatewayError."""
        with self._accounts.open(call, "chat", request.model) as account:
            deployment = route(request.model, self._offers)
            provider = self._providers[deployment.provider]
            with within_deadline(self._clock, call), while_service_lasts(self._accounts.admission):
                completion = await attempts(account, deployment, lambda: provider.complete(request, deployment, call))
            account.usage = completion.usage
            account.finish_reasons = tuple(choice.finish_reason for choice in completion.choices)
            account.note_provenance(completion.provenance)
            origin = replace(completion.provenance, attempts=account.attempts, waited=account.waited)
            return replace(completion, provenance=origin)
