"""Told what happened; decides what to make of it: a log line, a span, a counter.

An observer must not wait (it is called between two awaits) and must not hurt: whoever calls several of them shields
the request from an observer that raises.
"""

from typing import Protocol

from domain.model.call import Settlement


class Observer(Protocol):
    """Watches requests end."""

    def settled(self, settlement: Settlement) -> None:
        """Called exactly once for every call, whatever its ending."""

    def close(self) -> None:
        """Flush what is pending; called once, when the service stops. May take a few seconds."""
