"""Asking a provider, and asking again where nothing is lost by it. No other place repeats a request."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.model.catalogue import Deployment
from domain.model.errors import ConnectionWasStale
from domain.use_cases.accounts import Account

_Answer = TypeVar("_Answer")


async def attempts(account: Account, deployment: Deployment, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """What `ask` gives; each call of it is an attempt in the account. Raises what the last one raised.

    It is called twice where the first ended on a stale connection: the provider has said nothing, and very likely
    heard nothing. Whoever ends the call ends this block too, so that nothing is asked for nobody.
    """
    try:
        with account.attempt(deployment):
            return await ask()
    except ConnectionWasStale:
        with account.attempt(deployment):
            return await ask()
