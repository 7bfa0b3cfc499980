"""Log lines: one for each request, in JSON or for people, and everybody else's lines through the same renderer."""

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal

import msgspec
import structlog
from msgspec import Struct
from structlog.types import Processor

from domain.model.call import Settlement
from domain.model.usage import usd

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_WARNS = frozenset({"partial", "failed"})
_LONGEST_NAME = 200
_DELETE = b"\x7f"


def configure_logging(level: str, form: str) -> None:
    """Set up structlog and the standard library's logging, both to standard output. Call it once, at the start."""
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = _renderer(form)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    in_text: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, _decoded]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=in_text))
    root = logging.getLogger()
    root.handlers = [handler]
    # Other people's libraries speak up only when something is wrong.
    root.setLevel(max(_LEVELS[level], logging.WARNING))


class RequestLine(Struct, omit_defaults=True, kw_only=True):
    """A request's line. Times in milliseconds; what is unknown is left out."""

    event: Literal["request"]
    request_id: str
    operation: str
    outcome: str
    stream: bool
    caller: str
    model: str | None = None
    provider: str | None = None
    deployment: str | None = None
    attempts: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_source: str
    cost_usd: str | None = None
    finish_reasons: tuple[str, ...] = ()
    duration_ms: float
    first_token_ms: float | None = None
    upstream_ms: float
    overhead_ms: float
    upstream_id: str | None = None
    error: str | None = None
    code: str | None = None
    trace_id: str | None = None
    level: Literal["info", "warning"]
    timestamp: str


class LoggingObserver:
    """Implements ports.observer. No prompt, no answer and no key can be in a line: it is not told any.

    JSON lines are written here, as bytes, past all processors: it is the one line that every request pays for.
    """

    def __init__(self, level: str, form: str) -> None:
        self._lowest = _LEVELS[level]
        self._write = _JsonLines(sys.stdout.buffer).write if form == "json" else _for_people

    def settled(self, settlement: Settlement) -> None:
        """See ports.observer."""
        if settlement.outcome in _WARNS:
            if self._lowest <= logging.WARNING:
                self._write(line(settlement, "warning"))
        elif self._lowest <= logging.INFO:
            self._write(line(settlement, "info"))

    def close(self) -> None:
        """See ports.observer."""


class _JsonLines:
    """Lines to a file, each at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: RequestLine) -> None:
        self._file.write(_as_json(line) + b"\n")
        self._file.flush()


def _for_people(line: RequestLine) -> None:
    fields = msgspec.to_builtins(line)
    log = structlog.get_logger().warning if fields.pop("level") == "warning" else structlog.get_logger().info
    log(fields.pop("event"), **fields)


def line(settlement: Settlement, level: Literal["info", "warning"]) -> RequestLine:
    """What is told of a request. Names that callers chose are cut."""
    call, usage, deployment = settlement.call, settlement.usage, settlement.deployment
    return RequestLine(
        event="request",
        request_id=call.id,
        operation=settlement.operation,
        outcome=settlement.outcome,
        stream=settlement.stream,
        caller=call.caller,
        model=None if settlement.model_asked is None else settlement.model_asked[:_LONGEST_NAME],
        provider=None if deployment is None else deployment.provider,
        deployment=None if deployment is None else deployment.model[:_LONGEST_NAME],
        attempts=settlement.attempts,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_source=usage.source,
        cost_usd=None if settlement.cost is None else usd(settlement.cost),
        finish_reasons=settlement.finish_reasons,
        duration_ms=_ms(settlement.duration),
        first_token_ms=None if settlement.first_token is None else _ms(settlement.first_token),
        upstream_ms=_ms(settlement.upstream),
        overhead_ms=_ms(settlement.overhead),
        upstream_id=settlement.upstream_id,
        error=settlement.error,
        code=settlement.code,
        trace_id=None if call.trace is None else call.trace.trace_id,
        level=level,
        timestamp=_iso(settlement.ended_at),
    )


def _iso(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    except (ValueError, OverflowError, OSError):  # a clock that is out of its mind must not cost the line
        return "unknown"


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _renderer(form: str) -> Processor:
    """The last processor: a line as bytes, in which no value can begin a line of its own or command a terminal."""
    if form == "json":
        return _json
    people = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=_no_exceptions)

    def console(logger: Any, method: str, event: MutableMapping[str, Any]) -> bytes:
        return str(people(logger, method, _printable(event))).encode(errors="replace")

    return console


def _json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    return _as_json(event)


def _as_json(line: RequestLine | MutableMapping[str, Any]) -> bytes:
    text = msgspec.json.encode(line, enc_hook=str)
    if text.isascii() and _DELETE not in text:  # JSON escapes all other controls by itself
        return text
    return msgspec.json.encode(_printable(msgspec.to_builtins(line, enc_hook=str)))


def _decoded(_logger: Any, _method: str, text: Any) -> str:
    """For the standard library's handlers, which write text."""
    return bytes(text).decode()


def _no_exceptions(_stream: Any, _info: Any) -> None:
    """Tracebacks are not shown: their last line may quote a prompt."""


def _printable(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value)
    return event
