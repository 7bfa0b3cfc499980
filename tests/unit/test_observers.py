"""One line a request that nobody can break out of; spans with the ids that were promised; trouble that hurts nobody."""

import json
import threading
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from typing_extensions import override

from adapters.observer.fan_out import FanOut
from adapters.observer.logs import LoggingObserver
from adapters.observer.otel import GivenIds, OtelObserver
from adapters.observer.otlp_wanted import otlp_wanted
from domain.model.call import Call, Settlement, Trace
from domain.model.catalogue import Deployment
from domain.model.hygiene import remember_secrets
from domain.model.usage import Cost, Usage
from support.collecting_observer import CollectingObserver

SECRET = "An0nymous-canary/42="
TRACE = Trace(trace_id="a" * 32, span_id="b" * 16, parent_id="c" * 16)
SETTLED = Settlement(
    call=Call(id="r-1", caller="key-1", started=1.0, deadline=2.0, trace=TRACE),
    operation="chat",
    outcome="ok",
    ended_at=1_700_000_010.0,
    duration=2.0,
    stream=True,
    model_asked="fake/echo",
    deployment=Deployment("fake", "echo"),
    attempts=1,
    usage=Usage(input_tokens=3, output_tokens=2, cached_tokens=1),
    cost=Cost(13_500, "provider"),
    finish_reasons=("stop",),
    first_token=0.5,
    upstream=1.75,
    upstream_id="up-1",
)


@pytest.fixture(autouse=True)
def _no_secrets_left_behind() -> Iterator[None]:
    yield
    remember_secrets(())


def logged(settlement: Settlement, form: str = "json") -> list[str]:
    written: list[bytes] = []
    LoggingObserver("info", form, written.append).settled(settlement)
    return b"".join(written).decode().splitlines()


def test_one_line_tells_it_all() -> None:
    (text,) = logged(SETTLED)
    line = json.loads(text)
    line.pop("timestamp")
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": "r-1",
        "operation": "chat",
        "outcome": "ok",
        "stream": True,
        "caller": "key-1",
        "model": "fake/echo",
        "provider": "fake",
        "deployment": "echo",
        "attempts": 1,
        "input_tokens": 3,
        "output_tokens": 2,
        "cached_tokens": 1,
        "usage_source": "provider",
        "cost_usd": "0.0000135",
        "finish_reasons": ["stop"],
        "duration_ms": 2000.0,
        "first_token_ms": 500.0,
        "upstream_ms": 1750.0,
        "overhead_ms": 250.0,
        "upstream_id": "up-1",
        "trace_id": "a" * 32,
    }


@pytest.mark.parametrize(
    ("outcome", "level"), [("cancelled", "info"), ("rejected", "info"), ("partial", "warning"), ("failed", "warning")]
)
def test_what_went_wrong_with_us_is_a_warning(outcome: str, level: str) -> None:
    (text,) = logged(replace(SETTLED, outcome=outcome, error="UpstreamFailed", code="upstream_error"))
    line = json.loads(text)
    assert (line["level"], line["code"], line["error"]) == (level, "upstream_error", "UpstreamFailed")


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "model", ['x\n{"level":"info"}', "x\x1b[31m", "x\u2028y", "x\r\ny", "\u202e" + "z" * 100_000]
)
def test_a_callers_text_cannot_begin_a_line_or_command_a_terminal(form: str, model: str) -> None:
    lines = logged(replace(SETTLED, model_asked=model), form)
    assert len(lines) == 1
    assert len(lines[0]) < 2000
    assert lines[0].isprintable()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_of_ours_is_in_a_line(form: str) -> None:
    remember_secrets([SECRET])
    settled = replace(SETTLED, model_asked=f"m/{SECRET}", upstream_id=SECRET, deployment=Deployment("fake", SECRET))
    (text,) = logged(replace(settled, call=replace(SETTLED.call, id=SECRET)), form)
    assert SECRET[-8:] not in text
    assert text.count("[masked]") == 4


def test_a_secret_that_is_a_word_of_ours_spoils_no_line() -> None:
    remember_secrets(["event", "request", "1", "true"])
    (text,) = logged(SETTLED)
    assert json.loads(text)["attempts"] == 1


def spans(*settlements: Settlement) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=GivenIds())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observer = OtelObserver(provider)
    for settlement in settlements:
        observer.settled(settlement)
    return list(exporter.get_finished_spans())


def test_a_span_has_the_ids_that_went_upstream_and_the_callers_span_as_parent() -> None:
    (span,) = spans(SETTLED)
    assert span.context is not None
    assert span.parent is not None
    assert (span.context.trace_id, span.context.span_id) == (int("a" * 32, 16), int("b" * 16, 16))
    assert span.parent.span_id == int("c" * 16, 16)


def test_a_root_span_has_its_given_ids_too() -> None:
    root = replace(SETTLED, call=replace(SETTLED.call, trace=Trace(trace_id="1" * 32, span_id="2" * 16)))
    (span,) = spans(root)
    assert span.context is not None
    assert (span.context.trace_id, span.parent) == (int("1" * 32, 16), None)


def test_a_span_has_the_genai_names_and_its_own_times() -> None:
    (span,) = spans(SETTLED)
    assert span.name == "chat echo"
    assert (span.start_time, span.end_time) == (1_700_000_008 * 10**9, 1_700_000_010 * 10**9)
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.request.model": "fake/echo",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "echo",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 1,
        "llm_proxy.request_id": "r-1",
        "llm_proxy.outcome": "ok",
        "llm_proxy.attempts": 1,
    }


def test_a_failure_is_an_error_and_what_is_not_sampled_is_not_made() -> None:
    failed = replace(SETTLED, outcome="failed", code="upstream_error")
    unsampled = replace(SETTLED, call=replace(SETTLED.call, trace=replace(TRACE, sampled=False)))
    (span,) = spans(failed, unsampled, replace(SETTLED, operation="models"))
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "upstream_error"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_spans_are_off_unless_there_is_somewhere_to_send_them(environ: dict[str, str], *, wanted: bool) -> None:
    assert otlp_wanted(environ) is wanted


def test_a_span_has_no_secret_and_no_endless_name() -> None:
    remember_secrets([SECRET])
    long = "z" * 100_000
    (span,) = spans(replace(SETTLED, model_asked=SECRET + long, deployment=Deployment("fake", SECRET + long)))
    told = span.to_json()
    assert SECRET not in told
    assert len(told) < 5000


class Stuck(SpanProcessor):
    """Spans that no collector takes."""

    def __init__(self) -> None:
        self.released = threading.Event()

    @override
    def shutdown(self) -> None:
        self.released.wait()


def test_spans_that_nobody_takes_do_not_keep_the_process() -> None:
    stuck = Stuck()
    provider = TracerProvider(id_generator=GivenIds(), shutdown_on_exit=False)
    provider.add_span_processor(stuck)
    closing = threading.Thread(target=OtelObserver(provider).close, daemon=True)
    closing.start()
    closing.join(10)
    still_closing = closing.is_alive()
    stuck.released.set()
    assert not still_closing


class Broken:
    """An observer that raises whatever it is told."""

    def settled(self, settlement: Settlement) -> None:
        raise RuntimeError(settlement.call.id)

    def close(self) -> None:
        raise OSError


def test_a_broken_observer_is_counted_and_hurts_neither_the_request_nor_its_neighbour() -> None:
    neighbour = CollectingObserver()
    both = FanOut([Broken(), neighbour])
    both.settled(SETTLED)
    both.settled(SETTLED)
    both.close()
    assert len(neighbour.settlements) == 2
    assert neighbour.closed
    assert both.failures == {"Broken": 3}
