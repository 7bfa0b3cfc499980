"""How a LiteLLM proxy is spoken to, and what its headers tell (captured from 1.109.1, 2026-11-22)."""

from collections.abc import Mapping

from msgspec.structs import replace

from adapters.dialects.openai.usage import nano_usd
from domain.model.call import Call
from domain.model.completion import Provenance
from domain.model.hygiene import clean_code, hide_ours
from domain.model.usage import Cost

PROVIDER = "litellm"


class LiteLLM:
    """Address and key of one proxy. The key is in no repr."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        # People give the address with and without /v1; both mean the same proxy.
        self._root = base_url.rstrip("/").removesuffix("/v1")
        self._authorization = None if api_key is None else f"Bearer {api_key}"

    def url(self, path: str) -> str:
        """The address of `path`, which begins with a slash."""
        return self._root + path

    def headers(self, call: Call | None = None) -> dict[str, str]:
        """What goes with every request. Retries are switched off there: they have one place, and it is ours."""
        headers = {"content-type": "application/json", "x-litellm-num-retries": "0"}
        if self._authorization is not None:
            headers["authorization"] = self._authorization
        if call is not None and call.trace is not None:
            headers["traceparent"] = call.trace.traceparent
        return headers


def provenance(model: str, headers: Mapping[str, str]) -> Provenance:
    """Where an answer came from, by its headers. A stream's headers come too early to know the cost."""
    call_id = headers.get("x-litellm-call-id")
    return Provenance(
        provider=PROVIDER,
        model=model,
        upstream_id=None if call_id is None else clean_code(call_id),
        cost=_cost(headers),
        rate_limits=rate_limits(headers),
    )


def rate_limits(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The provider's rate-limit headers, as LiteLLM passes them on."""
    return tuple((name, hide_ours(value)) for name, value in headers.items() if name.startswith("x-ratelimit-"))


def with_cost(origin: Provenance, cost: int | None) -> Provenance:
    """The same, with the cost that a stream's usage told, in nano-USD."""
    return origin if not cost else replace(origin, cost=Cost(cost, "litellm"))


def _cost(headers: Mapping[str, str]) -> Cost | None:
    told = headers.get("x-litellm-response-cost")
    cost = None if told is None else nano_usd(told)
    # LiteLLM says 0.0 for a model it has no price for: unknown, not free. A cache hit is free, and says so.
    if cost is None or (cost == 0 and "x-litellm-cache-key" not in headers):
        return None
    return Cost(cost, "litellm")
