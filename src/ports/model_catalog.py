"""Knows which models there are."""

from typing import Protocol

from domain.model.catalogue import ModelCard, Offer


class ModelCatalog(Protocol):
    """The models of one provider."""

    def offer(self) -> Offer:
        """What its provider answers to. Known without asking anybody: requests are routed by it."""

    async def list_models(self) -> tuple[ModelCard, ...]:
        """The models to show. Raises UpstreamError where the provider has to be asked and does not answer."""

    async def trouble(self) -> str | None:
        """Why this provider could answer nothing right now, in words for an operator; None when it could."""
