"""Turn texts into vectors."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from domain.model.call import Call
from domain.model.catalogue import Offer
from domain.model.embedding import EmbeddingRequest, Embeddings
from domain.policies.routing import route
from domain.use_cases.accounts import Accounts
from domain.use_cases.deadline import within_deadline
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
            with account.attempt(deployment), within_deadline(self._clock, call):
                embeddings = await self._providers[deployment.provider].embed(request, deployment, call)
            account.usage = embeddings.usage
            account.note_provenance(embeddings.provenance)
            return replace(embeddings, provenance=replace(embeddings.provenance, waited=account.waited))
