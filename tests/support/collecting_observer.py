"""An observer that keeps what it was told."""

from domain.model.call import Settlement


class CollectingObserver:
    """Implements ports.observer."""

    def __init__(self) -> None:
        self.settlements: list[Settlement] = []
        self.closed = False

    def settled(self, settlement: Settlement) -> None:
        self.settlements.append(settlement)

    def close(self) -> None:
        self.closed = True
