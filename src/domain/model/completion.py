"""An answer: choices, why each ended, what it used and where it came from."""

from typing import Literal, get_args

from msgspec import Raw, Struct

from domain.model.chat import FunctionCall, ToolCall
from domain.model.document import Carried
from domain.model.usage import UNKNOWN_USAGE, Cost, Usage

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
FINISH_REASONS: frozenset[str] = frozenset(get_args(FinishReason))


class Reply(Struct, frozen=True, kw_only=True):
    """What the assistant said in one choice. `reasoning` is thinking that the provider shows as text."""

    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    function_call: FunctionCall | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """`logprobs` is passed on as it came."""

    index: int
    reply: Reply
    finish_reason: FinishReason
    logprobs: Raw | None = None


class Provenance(Struct, frozen=True, kw_only=True):
    """Where an answer came from, as far as the provider told.

    `rate_limits` are its own rate-limit headers, lower case, to be passed on; `upstream_id` is what it calls the
    request in its logs. `attempts` and `waited` (seconds spent waiting for providers) are the use case's.
    """

    provider: str
    model: str
    upstream_id: str | None = None
    cost: Cost | None = None
    rate_limits: tuple[tuple[str, str], ...] = ()
    attempts: int = 1
    waited: float = 0.0


class Completion(Struct, frozen=True, kw_only=True):
    """A finished answer. `created` is in Unix seconds."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: Usage = UNKNOWN_USAGE
    provenance: Provenance
    system_fingerprint: str | None = None
    service_tier: str | None = None
    carried: Carried | None = None
