"""Log lines: one for each request, in JSON or for people, and everybody else's lines through the same renderer."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog
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


class LoggingObserver:
    """Implements ports.observer. No prompt, no answer and no key can be in a line: it is not told any."""

    def __init__(self, logger: Any) -> None:
        bound = logger.bind()  # once: a lazy logger would be made anew for each line
        self._info = bound.info
        self._warning = bound.warning

    def settled(self, settlement: Settlement) -> None:
        """See ports.observer."""
        write = self._warning if settlement.outcome in _WARNS else self._info
        write("request", **line(settlement))

    def close(self) -> None:
        """See ports.observer."""


def line(settlement: Settlement) -> dict[str, Any]:
    """The fields of a request's line; what is unknown is left out. Times in milliseconds."""
    call, usage, deployment = settlement.call, settlement.usage, settlement.deployment
    fields = {
        "request_id": call.id,
        "operation": settlement.operation,
        "outcome": settlement.outcome,
        "stream": settlement.stream,
        "caller": call.caller,
        "model": None if settlement.model_asked is None else settlement.model_asked[:_LONGEST_NAME],
        "provider": None if deployment is None else deployment.provider,
        "deployment": None if deployment is None else deployment.model[:_LONGEST_NAME],
        "attempts": settlement.attempts,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "usage_source": usage.source,
        "cost_usd": None if settlement.cost is None else usd(settlement.cost),
        "finish_reasons": list(settlement.finish_reasons) or None,
        "duration_ms": _ms(settlement.duration),
        "first_token_ms": None if settlement.first_token is None else _ms(settlement.first_token),
        "upstream_ms": _ms(settlement.upstream),
        "overhead_ms": _ms(settlement.overhead),
        "upstream_id": settlement.upstream_id,
        "error": settlement.error,
        "code": settlement.code,
        "trace_id": None if call.trace is None else call.trace.trace_id,
    }
    return {name: value for name, value in fields.items() if value is not None}


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
    text = msgspec.json.encode(event, enc_hook=str)
    if text.isascii() and _DELETE not in text:  # JSON escapes all other controls by itself
        return text
    return msgspec.json.encode(_printable(event), enc_hook=str)


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
