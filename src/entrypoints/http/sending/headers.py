"""What an answer's headers tell beside the answer: where it came from, what it cost, what we added."""

from domain.model.call import Call
from domain.model.completion import Provenance
from domain.model.usage import usd

HeaderList = list[tuple[bytes, bytes]]


def answer_headers(call: Call, origin: Provenance, now: float) -> HeaderList:
    """Raw header pairs. `now` is the clock port's; our overhead is what was not spent waiting for the provider."""
    overhead = max(0.0, now - call.started - origin.waited)
    pairs = [
        ("x-request-id", call.id),
        ("x-llm-proxy-provider", origin.provider),
        ("x-llm-proxy-model", origin.model),
        ("x-llm-proxy-attempts", str(origin.attempts)),
        ("x-llm-proxy-overhead-ms", f"{overhead * 1000:.2f}"),
    ]
    if origin.cost is not None:
        pairs.append(("x-llm-proxy-cost-usd", usd(origin.cost)))
    pairs.extend(origin.rate_limits)
    return [(_safe(name), _safe(value)) for name, value in pairs]


def _safe(text: str) -> bytes:
    """Header text that cannot end its line; what is not Latin-1 becomes a question mark."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return text.translate(_CONTROLS).encode("latin-1", "replace")


_CONTROLS = dict.fromkeys([*range(32), 127])
