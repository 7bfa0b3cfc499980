"""Adapters of ports.chat_provider: who answers chats."""
