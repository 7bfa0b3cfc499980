"""What an answer used and what it cost. Unknown is None, never 0."""

from typing import Literal

from msgspec import Struct

UsageSource = Literal["provider", "estimated", "unknown"]
NANO_PER_USD = 1_000_000_000


class Usage(Struct, frozen=True, kw_only=True):
    """Token counts. `cached_tokens` are part of the input, `reasoning_tokens` part of the output."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "provider"

    @property
    def total_tokens(self) -> int | None:
        """Input and output together, unknown when either is."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


UNKNOWN_USAGE = Usage(source="unknown")


class Cost(Struct, frozen=True):
    """Money in nano-USD, and who said so."""

    nano_usd: int
    source: Literal["provider", "litellm", "table"]


def usd(cost: Cost) -> str:
    """The cost in dollars, in plain decimal notation: 13500 nano-USD is `0.0000135`."""
    whole, nano = divmod(cost.nano_usd, NANO_PER_USD)
    return f"{whole}.{nano:09d}".rstrip("0").rstrip(".")
