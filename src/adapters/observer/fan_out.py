"""One observer out of many, and the border where an observer's trouble ends: it is counted and hurts nobody."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from domain.model.call import Settlement
from ports.observer import Observer

_LOG = logging.getLogger("llm_proxy")


class FanOut:
    """Implements ports.observer. `failures` counts, by observer, how often it raised."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self.failures: dict[str, int] = {}

    def settled(self, settlement: Settlement) -> None:
        """See ports.observer."""
        for observer in self._observers:
            self._shielded(observer, partial(observer.settled, settlement))

    def close(self) -> None:
        """See ports.observer."""
        for observer in self._observers:
            self._shielded(observer, observer.close)

    def _shielded(self, observer: Observer, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - the border: whatever an observer does, the request goes on
            name = type(observer).__name__
            self.failures[name] = self.failures.get(name, 0) + 1
            if self.failures[name] == 1:  # once, not for every request
                _LOG.warning("observer %s failed: %s", name, type(error).__name__)
