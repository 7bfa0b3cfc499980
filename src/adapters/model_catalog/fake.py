"""The fake provider's models, as its own table lists them."""

from adapters.chat_provider.fake.models import CREATED, MODELS, PROVIDER
from domain.model.catalogue import ModelCard, Offer


class FakeModelCatalog:
    """Implements ports.model_catalog. Nobody has to be asked, so nothing can be wrong."""

    def offer(self) -> Offer:
        """See ports.model_catalog. Names that follow a pattern (`pace-50ms`) are answered too, but not listed."""
        return Offer(provider=PROVIDER, models=tuple(model.name for model in MODELS))

    async def list_models(self) -> tuple[ModelCard, ...]:
        """See ports.model_catalog."""
        return tuple(
            ModelCard(id=model.full_name, provider=PROVIDER, capabilities=model.capabilities, created=CREATED)
            for model in MODELS
        )

    async def trouble(self) -> str | None:
        """See ports.model_catalog."""
        return None
