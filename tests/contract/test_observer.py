"""What every observer promises: it takes every ending, waits for nothing, and tells no secret."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import TracerProvider

from adapters.observer.fan_out import FanOut
from adapters.observer.logs import LoggingObserver
from adapters.observer.otel import GivenIds, OtelObserver
from domain.model.call import Operation, Outcome, Settlement, Trace
from domain.model.catalogue import Deployment
from domain.model.usage import Cost, Usage
from ports.observer import Observer
from support.builders import CallFactory, SettlementFactory
from support.collecting_observer import CollectingObserver

TRACE = Trace(trace_id="a" * 32, span_id="b" * 16, parent_id="c" * 16)
OBSERVERS: dict[str, Callable[[], Observer]] = {
    "logs": lambda: LoggingObserver("info", "json", lambda _line: None),
    "otel": lambda: OtelObserver(TracerProvider(id_generator=GivenIds())),
    "fan out": lambda: FanOut([CollectingObserver(), CollectingObserver()]),
    "collecting": CollectingObserver,
}


def endings() -> list[Settlement]:
    found = []
    for operation in get_args(Operation):
        for outcome in get_args(Outcome):
            for deployment in (None, Deployment("fake", "echo")):
                made: dict[str, Any] = {"operation": operation, "outcome": outcome, "deployment": deployment}
                found.append(SettlementFactory.build(**made, call=CallFactory.build(trace=TRACE)))
    bare = SettlementFactory.build(operation="chat", outcome="ok", usage=Usage(), first_token=None, finish_reasons=())
    return [*found, bare, replace(bare, cost=Cost(1, "provider"))]


@pytest.mark.parametrize("name", OBSERVERS)
def test_it_takes_every_ending(name: str) -> None:
    observer = OBSERVERS[name]()
    for settlement in endings():
        observer.settled(settlement)
    observer.close()
