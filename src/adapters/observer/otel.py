"""OpenTelemetry spans with the GenAI names, one for each call of a model.

The names follow the GenAI semantic conventions as they stood in 2026-11 (status: development). They left the main
conventions' package, so they are spelled out here.
"""

import os
from collections.abc import Iterator
from threading import Thread
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from typing_extensions import override

from adapters.observer.names import shown_name
from domain.model.call import Settlement, Trace

_OPERATIONS = {"chat": "chat", "embeddings": "embeddings"}
_FAILED = frozenset({"failed", "partial"})
_NANO = 1_000_000_000
_CLOSE_S = 2.0


def build_tracer_provider(version: str) -> TracerProvider:
    """A provider that sends spans over OTLP, by OpenTelemetry's own variables."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - heavy, and only here needed
        OTLPSpanExporter,
    )

    name = os.environ.get("OTEL_SERVICE_NAME", "llm-proxy")
    provider = TracerProvider(
        resource=Resource.create({"service.name": name, "service.version": version}),
        id_generator=GivenIds(),
        shutdown_on_exit=False,  # that would wait for half a minute
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class GivenIds(IdGenerator):
    """Gives the next span the ids it was promised: they went upstream in a header before the span was made."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._next: Trace | None = None

    def give(self, trace: Trace | None) -> None:
        """The ids of the next span."""
        self._next = trace

    @override
    def generate_span_id(self) -> int:
        return self._random.generate_span_id() if self._next is None else int(self._next.span_id, 16)

    @override
    def generate_trace_id(self) -> int:
        return self._random.generate_trace_id() if self._next is None else int(self._next.trace_id, 16)


class OtelObserver:
    """Implements ports.observer. The provider's id generator must be GivenIds for spans to have the ids of calls."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._ids = provider.id_generator
        self._tracer = provider.get_tracer("llm_proxy")

    def settled(self, settlement: Settlement) -> None:
        """See ports.observer. The span is made now, with the times it had."""
        operation = _OPERATIONS.get(settlement.operation)
        trace = settlement.call.trace
        if operation is None or settlement.deployment is None or (trace is not None and not trace.sampled):
            return
        if isinstance(self._ids, GivenIds):
            self._ids.give(trace)
        ended = int(settlement.ended_at * _NANO)
        span = self._tracer.start_span(
            f"{operation} {shown_name(settlement.deployment.model)}",
            context=_parent(trace),
            kind=SpanKind.CLIENT,
            attributes=dict(_attributes(settlement, operation)),
            start_time=ended - int(settlement.duration * _NANO),
        )
        if settlement.outcome in _FAILED:
            span.set_status(Status(StatusCode.ERROR, settlement.code))
        span.end(ended)

    def close(self) -> None:
        """See ports.observer. Waits two seconds for a collector to take what is left, and then lets go of it."""
        closing = Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(_CLOSE_S)


def _parent(trace: Trace | None) -> Any:
    if trace is None or trace.parent_id is None:
        return None
    parent = SpanContext(int(trace.trace_id, 16), int(trace.parent_id, 16), is_remote=True, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(parent))


def _attributes(settlement: Settlement, operation: str) -> Iterator[tuple[str, Any]]:
    usage, deployment = settlement.usage, settlement.deployment
    found = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": None if deployment is None else deployment.provider,
        "gen_ai.request.model": None if settlement.model_asked is None else shown_name(settlement.model_asked),
        "gen_ai.request.stream": settlement.stream,
        "gen_ai.response.model": None if deployment is None else shown_name(deployment.model),
        "gen_ai.response.finish_reasons": list(settlement.finish_reasons) or None,
        "gen_ai.response.time_to_first_chunk": settlement.first_token,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "error.type": settlement.code or settlement.error,
        "llm_proxy.request_id": shown_name(settlement.call.id),
        "llm_proxy.outcome": settlement.outcome,
        "llm_proxy.attempts": settlement.attempts,
    }
    return ((name, value) for name, value in found.items() if value is not None)
