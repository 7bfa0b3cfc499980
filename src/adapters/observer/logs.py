"""Log lines: one for each request, in JSON or for people, and everybody else's lines through the same renderer."""

import logging
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import structlog
from msgspec import Struct
from structlog.types import Processor
from typing_extensions import override

from adapters.observer.names import shown_name
from domain.model.call import Settlement
from domain.model.hygiene import hide_secrets
from domain.model.usage import usd

Write = Callable[[bytes], None]  # takes a whole line with its end, waits for nothing and raises nothing

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_WARNS = frozenset({"partial", "failed"})
_LONGEST_TEXT = 8000
_DELETE = b"\x7f"


def configure_logging(level: str, form: str, write: Write, *, colors: bool = False) -> None:
    """Set up structlog and the standard library's logging, both to `write`. Call it once, at the start."""
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = _renderer(form, colors=colors)
    file = _AsFile(write)
    structlog.configure(
        processors=[*shared, _modest, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_names: structlog.BytesLogger(file),  # type: ignore[arg-type] # all that it uses of one
        cache_logger_on_first_use=False,
    )
    handler = _Handler(file)
    in_text: list[Processor] = [
        _without_objects,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _modest,
        renderer,
        _decoded,
    ]
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

    JSON lines are made here, as bytes, past all processors: it is the one line that every request pays for.
    """

    def __init__(self, level: str, form: str, write: Write, *, colors: bool = False) -> None:
        self._lowest = _LEVELS[level]
        self._write = write
        self._rendered = _as_json if form == "json" else _for_people(_renderer(form, colors=colors))

    def settled(self, settlement: Settlement) -> None:
        """See ports.observer."""
        if settlement.outcome in _WARNS:
            if self._lowest <= logging.WARNING:
                self._write(self._rendered(line(settlement, "warning")) + b"\n")
        elif self._lowest <= logging.INFO:
            self._write(self._rendered(line(settlement, "info")) + b"\n")

    def close(self) -> None:
        """See ports.observer."""


class _AsFile:
    """What loggers take for a file: whole lines, text or bytes, go to `write`."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def write(self, line: str | bytes) -> None:
        self._write(line.encode() if isinstance(line, str) else line)

    def flush(self) -> None:
        """Nothing waits here."""


class _Handler(logging.StreamHandler[_AsFile]):
    """The standard library's, but a record that cannot be made a line is not shown to anybody on standard error."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        place = {"event": "a log line could not be made", "logger": record.name, "line": record.lineno}
        self.stream.write(_as_json({**place, "level": "error"}) + b"\n")


def _for_people(renderer: Processor) -> Callable[[RequestLine], bytes]:
    def rendered(line: RequestLine) -> bytes:
        text = renderer(None, line.level, msgspec.to_builtins(line))
        return bytes(text)  # type: ignore[arg-type] # what our renderers give

    return rendered


def line(settlement: Settlement, level: Literal["info", "warning"]) -> RequestLine:
    """What is told of a request. Names that others chose are cut, and no secret of ours is among them."""
    call, usage, deployment = settlement.call, settlement.usage, settlement.deployment
    return RequestLine(
        event="request",
        request_id=shown_name(call.id),
        operation=settlement.operation,
        outcome=settlement.outcome,
        stream=settlement.stream,
        caller=call.caller,
        model=None if settlement.model_asked is None else shown_name(settlement.model_asked),
        provider=None if deployment is None else deployment.provider,
        deployment=None if deployment is None else shown_name(deployment.model),
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
        upstream_id=None if settlement.upstream_id is None else shown_name(settlement.upstream_id),
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


def _without_objects(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What asyncio says without the objects it shows below its first line: tasks, with what their errors said."""
    if event["_record"].name == "asyncio":
        event["event"] = event["event"].partition("\n")[0]
    return event


def _modest(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line as it may leave: of an error its type and where it was, but not what it says: it may quote a prompt."""
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(raised, tuple) and raised[0] is not None:
        event["error"] = raised[0].__name__
        event["where"] = "".join(traceback.format_tb(raised[2]))
    modest: MutableMapping[str, Any] = _each_text(event, lambda text: hide_secrets(_middle_cut(text)))
    return modest


def _middle_cut(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    half = _LONGEST_TEXT // 2  # a stack begins and ends with what matters
    return f"{text[:half]} [...] {text[-half:]}"


def _renderer(form: str, *, colors: bool) -> Processor:
    """The last processor: a line as bytes, in which no value can begin a line of its own or command a terminal."""
    if form == "json":
        return _json
    people = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_no_exceptions)

    def console(logger: Any, method: str, event: MutableMapping[str, Any]) -> bytes:
        return str(people(logger, method, _each_text(event, _printable))).encode(errors="replace")

    return console


def _json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    return _as_json(event)


def _as_json(line: RequestLine | MutableMapping[str, Any]) -> bytes:
    try:
        text = msgspec.json.encode(line)
    except (UnicodeEncodeError, TypeError):  # half a character, or a value that JSON has no word for
        text = _DELETE
    if text.isascii() and _DELETE not in text:  # JSON escapes all other controls by itself
        return text
    return msgspec.json.encode(_each_text(msgspec.to_builtins(line, enc_hook=str), _printable))


def _decoded(_logger: Any, _method: str, text: Any) -> str:
    """For the standard library's handlers, which write text."""
    return bytes(text).decode()


def _no_exceptions(_stream: Any, _info: Any) -> None:
    """Tracebacks are not shown: their last line may quote a prompt."""


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """`value` with each text in it changed, at any depth; what is neither text, number nor made of them as text."""
    if isinstance(value, str):
        return change(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, MutableMapping):
        return {_each_text(name, change): _each_text(inner, change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(inner, change) for inner in value]
    return change(str(value))


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
