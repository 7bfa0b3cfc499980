"""What Schemathesis must know beside our document, to ask for what is there and to take only the valid for valid.

Three rules of ours JSON Schema cannot say, or says otherwise; each has its own tests elsewhere:
- fields by which a caller could steer a gateway are refused, whatever their value (entrypoints/http/intake/steering.py);
- 10.0 is an integer to JSON Schema; to us, as to OpenAI's own clients' types, it is a fraction;
- a list to be embedded holds texts or token ids, not both, which a union of lists would say and our types cannot.
"""

from typing import Any

import schemathesis
from schemathesis.hooks import HookContext

from domain.model.errors import UnsupportedParameter
from entrypoints.http.intake.steering import refuse_steering

_CHAT_MODELS = (
    "fake/echo", "fake/tool-call", "fake/parallel-tool-calls", "fake/refusal", "fake/length", "fake/no-usage", "nobody/knows",
)  # fmt: skip
Case = schemathesis.Case[Any]


@schemathesis.hook
def filter_body(_context: HookContext, body: Any) -> bool:
    """Whether a generated body may be sent."""
    if not isinstance(body, dict):
        return True
    try:
        refuse_steering(body)
    except UnsupportedParameter:
        return False
    return not (_has_whole_fraction(body) or _is_mixed(body.get("input")))


@schemathesis.hook
def before_call(_context: HookContext, case: Case, _kwargs: dict[str, Any]) -> None:
    """Let valid bodies ask for models that there are: else nothing but 404 would ever be seen."""
    body = case.body
    if not isinstance(body, dict) or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.operation.path.endswith("/embeddings"):
        body["model"] = "fake/embedding"
        body.pop("dimensions", None)  # the model has a limit of its own, lower than ours
        return
    draw = len(str(body))
    body["model"] = _CHAT_MODELS[draw % len(_CHAT_MODELS)]
    body["stream"] = draw % 2 == 0


def _is_mixed(given: Any) -> bool:
    return isinstance(given, list) and len({type(item) for item in given}) > 1


def _has_whole_fraction(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_has_whole_fraction(inner) for inner in inside)
