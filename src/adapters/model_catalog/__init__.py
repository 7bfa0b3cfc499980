"""Adapters of ports.model_catalog: who knows which models there are."""
