"""Adapters of ports.embedding_provider: who turns texts into vectors."""
