"""What we promise callers: OpenAI's chat completion, chunk, embedding and model shapes.

These structs look like those of the openai dialect and are not merged with them: one says what we promise, the other
what providers really send, and they change for different reasons. Where a field is left out by us and may also be
null, it is because providers write null there, and their answers travel as they are.
"""

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType


class FunctionCall(Struct, frozen=True):
    """`arguments` is the model's own text, usually JSON."""

    name: str
    arguments: str


class CustomCall(Struct, frozen=True):
    """A call of a custom tool: plain text."""

    name: str
    input: str


class ToolCall(Struct, frozen=True, kw_only=True):
    """A call of a tool that the model asks for."""

    id: str
    type: Literal["function", "custom"] = "function"
    function: FunctionCall | UnsetType = UNSET
    custom: CustomCall | UnsetType = UNSET


class ChatMessage(Struct, frozen=True, kw_only=True):
    """What the assistant said."""

    role: Literal["assistant"] = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | UnsetType | None = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    function_call: FunctionCall | UnsetType | None = UNSET


class ChatChoice(Struct, frozen=True, kw_only=True):
    """One of the answers asked for."""

    index: int
    message: ChatMessage
    finish_reason: str
    logprobs: Raw | None = None


class PromptDetails(Struct, frozen=True):
    """Part of the prompt's tokens."""

    cached_tokens: int | UnsetType | None = UNSET


class CompletionDetails(Struct, frozen=True):
    """Part of the completion's tokens."""

    reasoning_tokens: int | UnsetType | None = UNSET


class TokenUsage(Struct, frozen=True, kw_only=True):
    """Tokens used. Left out where the provider did not say: unknown is never 0."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails | UnsetType | None = UNSET
    completion_tokens_details: CompletionDetails | UnsetType | None = UNSET


class ChatCompletion(Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: TokenUsage | UnsetType = UNSET
    system_fingerprint: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET


class FunctionCallDelta(Struct, frozen=True, kw_only=True):
    """A piece of a function call."""

    name: str | UnsetType | None = UNSET
    arguments: str | UnsetType | None = UNSET


class CustomCallDelta(Struct, frozen=True, kw_only=True):
    """A piece of a custom tool call."""

    name: str | UnsetType | None = UNSET
    input: str | UnsetType | None = UNSET


class ToolCallDelta(Struct, frozen=True, kw_only=True):
    """A piece of the tool call at `index`."""

    index: int
    id: str | UnsetType | None = UNSET
    type: Literal["function", "custom"] | UnsetType | None = UNSET
    function: FunctionCallDelta | UnsetType | None = UNSET
    custom: CustomCallDelta | UnsetType | None = UNSET


class ChatDelta(Struct, frozen=True, kw_only=True):
    """What a chunk adds to a choice."""

    role: Literal["assistant"] | UnsetType | None = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType | None = UNSET
    tool_calls: list[ToolCallDelta] | UnsetType | None = UNSET
    function_call: FunctionCallDelta | UnsetType | None = UNSET


class ChunkChoice(Struct, frozen=True, kw_only=True):
    """One choice's part of a chunk."""

    index: int
    delta: ChatDelta
    finish_reason: str | None = None
    logprobs: Raw | None = None


class ChatCompletionChunk(Struct, frozen=True, kw_only=True):
    """One event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: TokenUsage | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET


class EmbeddingItem(Struct, frozen=True, kw_only=True):
    """One vector: numbers, or base64 of little-endian float32."""

    index: int
    object: Literal["embedding"] = "embedding"
    embedding: tuple[float, ...] | str


class EmbeddingUsage(Struct, frozen=True):
    """Tokens used."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, frozen=True, kw_only=True):
    """One vector for each input."""

    object: Literal["list"] = "list"
    data: list[EmbeddingItem]
    model: str
    usage: EmbeddingUsage | UnsetType = UNSET


class Model(Struct, frozen=True, kw_only=True):
    """A model in OpenAI's shape. `owned_by` is the provider."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(Struct, frozen=True, kw_only=True):
    """All models in OpenAI's shape."""

    object: Literal["list"] = "list"
    data: list[Model]


class LLMModel(Struct, frozen=True, kw_only=True):
    """A model with what it can do."""

    id: str
    provider: str
    capabilities: tuple[str, ...]


class LLMModelList(Struct, frozen=True):
    """All models with what they can do."""

    models: list[LLMModel]


class ErrorBody(Struct, frozen=True, kw_only=True):
    """What went wrong; `param` names the field at fault, `code` is for programs."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorEnvelope(Struct, frozen=True):
    """Every error of this API."""

    error: ErrorBody


class Health(Struct, frozen=True, kw_only=True):
    """`reasons` says, for operators, why `status` is not ok."""

    status: str
    version: str | UnsetType = UNSET
    reasons: list[str] | UnsetType = UNSET
