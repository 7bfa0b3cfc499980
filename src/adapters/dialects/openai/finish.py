"""Why an answer ended, in OpenAI's words, whatever the provider calls it."""

from typing import cast

from domain.model.completion import FINISH_REASONS, FinishReason
from domain.model.errors import UpstreamFailed

# Seen on OpenAI-style interfaces, 2026-11: Together says `eos`, gateways pass Anthropic's and Gemini's words through.
_SYNONYMS: dict[str, FinishReason] = {
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "SAFETY": "content_filter",
    "refusal": "content_filter",
}


def finish_reason(word: str | None) -> FinishReason | None:
    """The reason, None while there is none (absent, null and `""` alike).

    `error` raises UpstreamFailed: OpenRouter ends a failed answer with it. Any other unknown word means that the
    provider finished in a way of its own: `stop`.
    """
    if not word:
        return None
    if word in FINISH_REASONS:
        return cast(FinishReason, word)
    if word == "error":
        raise UpstreamFailed("The provider ended its answer with an error.")
    return _SYNONYMS.get(word, "stop")
