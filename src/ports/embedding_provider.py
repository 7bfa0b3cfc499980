"""Turns texts into vectors. One call is one attempt; errors as in `ports.chat_provider`."""

from typing import Protocol

from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.embedding import EmbeddingRequest, Embeddings


class EmbeddingProvider(Protocol):
    """A provider of embeddings."""

    async def embed(self, request: EmbeddingRequest, deployment: Deployment, call: Call) -> Embeddings:
        """One vector an input, written as the request's `encoding` asks. Cancelling closes the connection."""
