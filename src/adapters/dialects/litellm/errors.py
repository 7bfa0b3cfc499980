"""LiteLLM's errors told apart.

It flattens every provider's error into `litellm.<Class>: ... - <text>` and loses the original code (captured from
1.109.1, 2026-11-22), so its class name, which is its own contract, is what we read.
"""

import re
from collections.abc import Callable, Mapping

from adapters.dialects.litellm.surface import rate_limits
from adapters.dialects.openai.errors import read_fault
from adapters.dialects.openai.retry_after import retry_after
from adapters.dialects.openai.wire import WireFault
from domain.model.errors import (
    ContentRejected,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    UnknownModel,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRefusedUs,
    UpstreamTimeout,
)

_CLASS = re.compile(r"litellm\.(\w+): ")
_PREFIX = re.compile(r"^(?:litellm\.\w+: )+(?:\w+(?:Error|Exception|Timeout): )?(?:\w+Exception - )?")
# Advice for its operator that LiteLLM appends to what the provider said. No spaces before it: a text of nothing else
# would take time by its square.
_ADVICE = re.compile(
    r"(?:\n\nLiteLLM: |\nmodel=|\n\nDeployment Info: |\. Received Model Group=| No fallback model group ).*",
    re.DOTALL,
)
_UNKNOWN_MODEL = "Invalid model name passed in"
_STATUS = re.compile(r"[1-9][0-9]{2}")  # `isdigit` takes ² for one, and a number may have a million digits
_FROM_PROVIDER = "llm_provider-"  # before the headers that it hands on (captured 2026-11-22)

_Make = Callable[[str, str | None, str | None], GatewayError]


def _caller(kind: type[InvalidRequest]) -> _Make:
    return lambda text, param, code: kind(text, param=param, code=code)


def _no_model(text: str, _param: str | None, _code: str | None) -> GatewayError:
    return UnknownModel(text)


def _too_long(text: str, param: str | None, _code: str | None) -> GatewayError:
    return ContextTooLong(text, param=param or "messages")


def _refused_us(_text: str, _param: str | None, _code: str | None) -> GatewayError:
    return UpstreamRefusedUs("The provider refused the service's own credentials.")


def _timeout(_text: str, _param: str | None, _code: str | None) -> GatewayError:
    return UpstreamTimeout("The provider took too long.")


def _failed(text: str, param: str | None, code: str | None) -> GatewayError:
    return UpstreamFailed(text, param=param, code=code)


# First its class (one that says more before one that says less), then the type of errors that have no class, then
# the status.
BY_CLASS: Mapping[str, _Make] = {
    "ContextWindowExceededError": _too_long,
    "ContentPolicyViolationError": _caller(ContentRejected),
    "BadRequestError": _caller(InvalidRequest),
    "UnsupportedParamsError": _caller(InvalidRequest),
    "UnprocessableEntityError": _caller(InvalidRequest),
    "InvalidRequestError": _caller(InvalidRequest),
    "ImageFetchError": _caller(InvalidRequest),
    "JSONSchemaValidationError": _failed,
    "NotFoundError": _no_model,
    "AuthenticationError": _refused_us,
    "PermissionDeniedError": _refused_us,
    "Timeout": _timeout,
    "APIConnectionError": _failed,
    "InternalServerError": _failed,
    "ServiceUnavailableError": _failed,
    "BadGatewayError": _failed,
    "APIError": _failed,
    "MidStreamFallbackError": _failed,
}
BY_TYPE: Mapping[str, _Make] = {"auth_error": _refused_us, "no_db_connection": _refused_us}
BY_STATUS: Mapping[int, _Make] = {
    400: _caller(InvalidRequest),
    401: _refused_us,
    402: _refused_us,
    403: _refused_us,
    404: _no_model,
    408: _timeout,
    413: _caller(InvalidRequest),
    422: _caller(InvalidRequest),
    504: _timeout,
}


def error_from(status: int, headers: Mapping[str, str], body: bytes, now: float | None = None) -> GatewayError:
    """The error that an answer with this status means. Bodies that are no error of LiteLLM's are not quoted.

    `now` is the Unix time: without it a time to wait that is written as a date needs the answer's own date.
    """
    fault = read_fault(body)
    if fault is None or fault.message is None:
        if status < 400:
            return UpstreamInvalid("The provider answered with something that is no answer.")
        fault = WireFault()
    return classify(fault, status, headers, now)


def classify(
    fault: WireFault, status: int = 500, headers: Mapping[str, str] | None = None, now: float | None = None
) -> GatewayError:
    """The error that a read fault means; inside a stream there is no status but the one in its `code`."""
    message = fault.message or "The provider failed without saying why."
    code = _code(fault)
    status = int(code) if code is not None and _STATUS.fullmatch(code) else status
    text = _ADVICE.sub("", _PREFIX.sub("", message)).rstrip()
    names = _CLASS.findall(message)
    if _UNKNOWN_MODEL in message:
        return UnknownModel("The LiteLLM proxy does not know this model.")
    if "RateLimitError" in names or status == 429:
        return _rate_limited(text, headers or {}, now)
    make = next((BY_CLASS[name] for name in BY_CLASS if name in names), None) or BY_TYPE.get(fault.type or "")
    make = make or BY_STATUS.get(status, _failed)
    return make(text, fault.param, _kept(code))


def _rate_limited(text: str, headers: Mapping[str, str], now: float | None) -> GatewayError:
    wait = retry_after(headers, now)
    if wait is None:
        wait = retry_after(headers, now, _FROM_PROVIDER)
    return UpstreamRateLimited(text, retry_after=wait, rate_limits=rate_limits(headers))


def _code(fault: WireFault) -> str | None:
    return None if fault.code is None else str(fault.code)


def _kept(code: str | None) -> str | None:
    """A code worth telling the caller: a word. LiteLLM puts the status there instead."""
    return None if code is None or code.isdigit() else code
