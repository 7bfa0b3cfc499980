"""Turn texts into vectors."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from domain.model.call import Call
from domain.model.catalogue import Offer
from domain.model.embedding import EmbeddingRequest, Embeddings
from domain.policies.routing import route
from domain.use_cases.accounts import Accounts
from domain.use_cases.attempts import attempts
from domain.use_cases.endings import while_service_lasts, within_deadline
from ports.embedding_provider import EmbeddingProvider


class Embed:
    """Route, ask the provider, settle."""

    def __init__(
        self, providers: Mapping[str, EmbeddingProvider], offers: Sequence[Offer], accounts: Accounts
    ) -> None:
        self._providers = providers
        self._offers = offers
        self._accounts = accounts
        self._clock = accounts.clock

    async def __call__(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        """The vectors. Raises GatewayError."""
        with self._accounts.open(call, "embeddings", request.model) as account:
            deployment = route(request.model, self._offers)
            provider = self._providers[deployment.provider]
            with within_deadline(self._clock, call), while_service_lasts(self._accounts.admission):
                embeddings = await attempts(account, deployment, lambda: provider.embed(request, deployment, call))
            account.usage = embeddings.usage
            account.note_provenance(embeddings.provenance)
            origin = replace(embeddings.provenance, attempts=account.attempts, waited=account.waited)
            return replace(embeddings, provenance=origin)
