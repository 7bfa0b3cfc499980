"""Show which models there are."""

from collections.abc import Sequence

from domain.model.call import Call
from domain.model.catalogue import ModelCard
from domain.use_cases.accounts import Accounts
from domain.use_cases.endings import while_service_lasts, within_deadline
from ports.model_catalog import ModelCatalog


class ListModels:
    """Ask every catalogue, settle."""

    def __init__(self, catalogs: Sequence[ModelCatalog], accounts: Accounts) -> None:
        self._catalogs = catalogs
        self._accounts = accounts

    async def __call__(self, call: Call) -> tuple[ModelCard, ...]:
        """The cards, sorted by id. Raises UpstreamError where a provider has to be asked and does not answer."""
        accounts = self._accounts
        ours = while_service_lasts(accounts.admission)
        with accounts.open(call, "models"), within_deadline(accounts.clock, call), ours:
            cards = [card for catalog in self._catalogs for card in await catalog.list_models()]
        return tuple(sorted(cards, key=lambda card: card.id))
