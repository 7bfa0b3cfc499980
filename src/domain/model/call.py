"""One call to us, and how it ended."""

from typing import Literal

from msgspec import Struct

from domain.model.catalogue import Deployment
from domain.model.usage import UNKNOWN_USAGE, Cost, Usage

Operation = Literal["chat", "embeddings", "models", "other"]
Outcome = Literal["ok", "partial", "cancelled", "failed", "rejected"]


class Trace(Struct, frozen=True, kw_only=True):
    """W3C trace context (https://www.w3.org/TR/trace-context/): ids in lower-case hex; `span_id` is our own span."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The header for whoever we call."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class Call(Struct, frozen=True, kw_only=True):
    """Who asks, under which id, since when and until when.

    `started` and `deadline` are readings of the clock port's `now`, in seconds. `caller` is a configured name, never
    a key.
    """

    id: str
    caller: str
    started: float
    deadline: float
    trace: Trace | None = None


class Settlement(Struct, frozen=True, kw_only=True):
    """How a call ended. Every call has exactly one.

    Times are in seconds: `duration` in all, `first_token` until the first content, `upstream` spent waiting for the
    provider. `error` is the error's type, `code` what the caller was told.
    """

    call: Call
    operation: Operation
    outcome: Outcome
    ended_at: float
    duration: float
    stream: bool = False
    model_asked: str | None = None
    deployment: Deployment | None = None
    attempts: int = 0
    usage: Usage = UNKNOWN_USAGE
    cost: Cost | None = None
    finish_reasons: tuple[str, ...] = ()
    first_token: float | None = None
    upstream: float = 0.0
    upstream_id: str | None = None
    error: str | None = None
    code: str | None = None

    @property
    def overhead(self) -> float:
        """Our own share of the time."""
        return max(0.0, self.duration - self.upstream)
