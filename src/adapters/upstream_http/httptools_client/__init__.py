"""The default client: asyncio protocols over httptools (llhttp), at a fraction of a general client's cost."""
