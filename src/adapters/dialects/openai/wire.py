"""What providers of this dialect send, typed loosely: everything may be absent or null (seen 2026-11).

Only what accounting and truth need is read; the rest stays in the document.
"""

from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType

UNDECODABLE = (MsgspecError, UnicodeError, RecursionError)
"""What decoding raises: not JSON or not of this shape, not UTF-8, nested too deeply."""

NOTHING = Raw(b"null")
"""What a field holds that was left out or null. (A union of Raw with None would not decode.)"""


def given(raw: Raw) -> Raw | None:
    """The value, None where there was nothing."""
    return None if raw is NOTHING or bytes(raw) == b"null" else raw


def check_text(document: bytes) -> None:
    """Raise UnicodeDecodeError where it is not UTF-8: msgspec does not look at what it skips, and that travels on."""
    if not document.isascii():
        document.decode()


class WireFunction(Struct):
    """The inside of a call: a function's arguments or a custom tool's input."""

    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class WireToolCall(Struct):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: WireFunction | None = None
    custom: WireFunction | None = None


class WireThought(Struct):
    """The reasoning beside what is said, under whichever of its two names (DeepSeek's or Groq's)."""

    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def thinking(self) -> str | None:
        """The reasoning text."""
        return self.reasoning_content if self.reasoning_content is not None else self.reasoning


class WireSpeech(WireThought):
    """A delta of a message."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[WireToolCall] | None = None
    function_call: WireFunction | None = None


class WireMessage(WireThought):
    """A message. What OpenAI always sends is told apart from what is absent."""

    role: str | None = None
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    tool_calls: list[WireToolCall] | UnsetType | None = UNSET
    function_call: WireFunction | None = None


class WireChoice(Struct):
    """One choice of an answer (`message`) or of a chunk (`delta`)."""

    index: int | None = None
    delta: WireSpeech | None = None
    message: WireMessage | None = None
    finish_reason: str | UnsetType | None = UNSET
    logprobs: Raw = NOTHING


class WireAnswer(Struct):
    """A completion, or a chunk of one."""

    id: str | None = None
    object: str | None = None
    created: int | float | None = None
    model: str | None = None
    choices: list[WireChoice] | None = None
    usage: Raw = NOTHING
    error: Raw = NOTHING
    system_fingerprint: str | None = None
    service_tier: str | None = None


class WireDetails(Struct):
    """Parts of a token count."""

    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(Struct):
    """Token counts; LiteLLM and OpenRouter add `cost` in dollars."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: Raw = NOTHING
    prompt_tokens_details: WireDetails | None = None
    completion_tokens_details: WireDetails | None = None
    cost: Raw = NOTHING


class WireEmbedding(Struct):
    """One vector, plain or packed."""

    index: int | None = None
    embedding: list[float] | str | None = None


class WireEmbeddings(Struct):
    """An embedding answer."""

    model: str | None = None
    data: list[WireEmbedding] | None = None
    usage: Raw = NOTHING


class WireFault(Struct):
    """The inside of an error; `code` is a string, a number or absent, depending on who speaks."""

    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
