"""One line a request that nobody can break out of; spans with the ids that were promised; trouble that hurts nobody."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from adapters.observer.fan_out import FanOut
from adapters.observer.logs import LoggingObserver, configure_logging
from adapters.observer.otel import GivenIds, OtelObserver
from adapters.observer.otlp_wanted import otlp_wanted
from domain.model.call import Call, Settlement, Trace
from domain.model.catalogue import Deployment
from domain.model.usage import Cost, Usage
from support.collecting_observer import CollectingObserver

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
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str], settlement: Settlement, form: str = "json") -> list[str]:
    configure_logging("info", form)
    LoggingObserver("info", form).settled(settlement)
    return capsys.readouterr().out.splitlines()


def test_one_line_tells_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = logged(capsys, SETTLED)
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
def test_what_went_wrong_with_us_is_a_warning(capsys: pytest.CaptureFixture[str], outcome: str, level: str) -> None:
    (text,) = logged(capsys, replace(SETTLED, outcome=outcome, error="UpstreamFailed", code="upstream_error"))
    line = json.loads(text)
    assert (line["level"], line["code"], line["error"]) == (level, "upstream_error", "UpstreamFailed")


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "model", ['x\n{"level":"info"}', "x\x1b[31m", "x\u2028y", "x\r\ny", "\u202e" + "z" * 100_000]
)
def test_a_callers_text_cannot_begin_a_line_or_command_a_terminal(
    capsys: pytest.CaptureFixture[str], form: str, model: str
) -> None:
    lines = logged(capsys, replace(SETTLED, model_asked=model), form)
    assert len(lines) == 1
    assert len(lines[0]) < 2000
    assert lines[0].isprintable()


def test_other_peoples_lines_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    logging.getLogger("uvicorn").info("not told")
    logging.getLogger("uvicorn").warning("told")
    (text,) = capsys.readouterr().out.splitlines()
    assert json.loads(text)["event"] == "told"


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
