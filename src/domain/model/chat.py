"""A chat request in the field's own terms: the vocabulary that OpenAI's chat completions made common.

The structs decode strictly from JSON (msgspec), so an entrypoint validates and builds them in one pass. Fields that
nobody here looks at are not modelled: they travel in the carried document.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from domain.model.document import Document

Maybe = UnsetType | None
"""Absent and null mean the same to us; both are kept apart from a value."""


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class ImageUrl(Struct, frozen=True):
    """`url` is http(s) or a data: URL; it is never fetched by us."""

    url: str
    detail: Literal["auto", "low", "high"] | Maybe = UNSET


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class AudioInput(Struct, frozen=True):
    """`data` is base64."""

    data: str
    format: str


class AudioPart(Struct, frozen=True, tag_field="type", tag="input_audio"):
    input_audio: AudioInput


class FileInput(Struct, frozen=True):
    """Either an uploaded file's id or its content as base64."""

    file_id: str | Maybe = UNSET
    file_data: str | Maybe = UNSET
    filename: str | Maybe = UNSET


class FilePart(Struct, frozen=True, tag_field="type", tag="file"):
    file: FileInput


class RefusalPart(Struct, frozen=True, tag_field="type", tag="refusal"):
    refusal: str


class VideoPart(Struct, frozen=True, tag_field="type", tag="video_url"):
    """Not OpenAI's own, but understood by gateways and models behind it: it travels in the document, unread."""


class DocumentPart(Struct, frozen=True, tag_field="type", tag="document"):
    """Anthropic's word for a file, taken by gateways that speak OpenAI's dialect: travels unread."""


class ThinkingPart(Struct, frozen=True, tag_field="type", tag="thinking"):
    """Reasoning that some models want back with the next turn: travels unread."""


class RedactedThinkingPart(Struct, frozen=True, tag_field="type", tag="redacted_thinking"):
    """The same, sealed."""


ContentPart = (
    TextPart
    | ImagePart
    | AudioPart
    | FilePart
    | RefusalPart
    | VideoPart
    | DocumentPart
    | ThinkingPart
    | RedactedThinkingPart
)


class FunctionCall(Struct, frozen=True):
    """`arguments` is the model's own text: usually JSON, never parsed here (seen 2026-11)."""

    name: str
    arguments: str


class CustomCall(Struct, frozen=True):
    name: str
    input: str


class ToolCall(Struct, frozen=True):
    """A call the model asks for, of a function or a custom tool."""

    id: str
    type: Literal["function", "custom"] = "function"
    function: FunctionCall | Maybe = UNSET
    custom: CustomCall | Maybe = UNSET


class SystemMessage(Struct, frozen=True, tag_field="role", tag="system"):
    content: str | list[TextPart]
    name: str | Maybe = UNSET


class DeveloperMessage(Struct, frozen=True, tag_field="role", tag="developer"):
    content: str | list[TextPart]
    name: str | Maybe = UNSET


class UserMessage(Struct, frozen=True, tag_field="role", tag="user"):
    content: str | list[ContentPart]
    name: str | Maybe = UNSET


class AssistantMessage(Struct, frozen=True, tag_field="role", tag="assistant"):
    """What the model said earlier; `content` may be absent where it called tools."""

    content: str | list[ContentPart] | Maybe = UNSET
    name: str | Maybe = UNSET
    refusal: str | Maybe = UNSET
    tool_calls: list[ToolCall] | Maybe = UNSET
    function_call: FunctionCall | Maybe = UNSET


class ToolMessage(Struct, frozen=True, tag_field="role", tag="tool"):
    """What a tool answered; some models take images here."""

    content: str | list[ContentPart]
    tool_call_id: str


class FunctionMessage(Struct, frozen=True, tag_field="role", tag="function"):
    """The legacy answer to a `function_call`."""

    content: str | None
    name: str


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage


class FunctionDefinition(Struct, frozen=True):
    """`parameters` is a JSON Schema, kept as the caller wrote it."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    description: str | Maybe = UNSET
    parameters: dict[str, Raw] | Maybe = UNSET
    strict: bool | Maybe = UNSET


class CustomDefinition(Struct, frozen=True):
    name: str
    description: str | Maybe = UNSET


class Tool(Struct, frozen=True):
    type: Literal["function", "custom"]
    function: FunctionDefinition | Maybe = UNSET
    custom: CustomDefinition | Maybe = UNSET


class NamedFunction(Struct, frozen=True):
    name: str


class NamedTool(Struct, frozen=True):
    """The one tool the model must call."""

    type: Literal["function", "custom", "allowed_tools"]
    function: NamedFunction | Maybe = UNSET
    custom: NamedFunction | Maybe = UNSET


class JsonSchema(Struct, frozen=True):
    name: str
    schema: dict[str, Raw] | Maybe = UNSET
    description: str | Maybe = UNSET
    strict: bool | Maybe = UNSET


class ResponseFormat(Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | Maybe = UNSET


class StreamOptions(Struct, frozen=True):
    include_usage: bool | Maybe = UNSET


ModelName = Annotated[str, Meta(min_length=1, max_length=256)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]


class ChatParameters(Struct, frozen=True, kw_only=True):
    """Everything a caller can say about a chat completion that somebody here looks at."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=10_000)]
    model: ModelName | Maybe = UNSET
    tools: Annotated[list[Tool], Meta(max_length=512)] | Maybe = UNSET
    tool_choice: Literal["none", "auto", "required"] | NamedTool | Maybe = UNSET
    parallel_tool_calls: bool | Maybe = UNSET
    functions: Annotated[list[FunctionDefinition], Meta(max_length=512)] | Maybe = UNSET
    function_call: Literal["none", "auto"] | NamedFunction | Maybe = UNSET
    response_format: ResponseFormat | Maybe = UNSET
    stream: bool | Maybe = UNSET
    stream_options: StreamOptions | Maybe = UNSET
    max_tokens: Annotated[int, Meta(ge=1, le=2**31)] | Maybe = UNSET
    max_completion_tokens: Annotated[int, Meta(ge=1, le=2**31)] | Maybe = UNSET
    n: Annotated[int, Meta(ge=1, le=16)] | Maybe = UNSET
    temperature: Annotated[float, Meta(ge=0, le=2)] | Maybe = UNSET
    top_p: Annotated[float, Meta(ge=0, le=1)] | Maybe = UNSET
    frequency_penalty: Penalty | Maybe = UNSET
    presence_penalty: Penalty | Maybe = UNSET
    stop: str | Annotated[list[str], Meta(max_length=64)] | Maybe = UNSET
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Maybe = UNSET
    logprobs: bool | Maybe = UNSET
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | Maybe = UNSET
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | Maybe = UNSET
    modalities: list[str] | Maybe = UNSET
    audio: dict[str, Raw] | Maybe = UNSET
    prediction: dict[str, Raw] | Maybe = UNSET
    reasoning_effort: str | Maybe = UNSET
    verbosity: str | Maybe = UNSET
    service_tier: str | Maybe = UNSET
    web_search_options: dict[str, Raw] | Maybe = UNSET
    metadata: dict[str, str] | Maybe = UNSET
    store: bool | Maybe = UNSET
    user: str | Maybe = UNSET
    safety_identifier: str | Maybe = UNSET
    prompt_cache_key: str | Maybe = UNSET


class ChatRequest(Struct, frozen=True):
    """One chat to answer: the model's name as asked for, what was said, and the words it was said in."""

    model: str
    parameters: ChatParameters
    document: Document | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether the caller asked for the usage chunk of a stream."""
        options = self.parameters.stream_options
        return isinstance(options, StreamOptions) and options.include_usage is True
