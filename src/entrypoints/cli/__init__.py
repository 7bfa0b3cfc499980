"""The llm-proxy command."""
