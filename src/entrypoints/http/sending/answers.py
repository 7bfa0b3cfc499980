"""Answers as bytes. One that was carried in this API's own dialect leaves as it came; others are written out."""

from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from domain.model import chat
from domain.model.catalogue import ModelCard
from domain.model.completion import Choice, Completion
from domain.model.document import Carried
from domain.model.embedding import Embeddings
from domain.model.stream import Chunk, Delta, ToolCallDelta
from domain.model.usage import Usage
from entrypoints.http import openai_wire as wire
from entrypoints.http.intake.request_reader import OPENAI

T = TypeVar("T")
_ENCODER = msgspec.json.Encoder()


def completion_bytes(completion: Completion) -> bytes:
    """The body of a whole answer."""
    own = _own(completion.carried)
    if own is not None:
        return own
    return _ENCODER.encode(
        wire.ChatCompletion(
            id=completion.id,
            created=completion.created,
            model=completion.model,
            choices=[_choice(choice) for choice in completion.choices],
            usage=_usage(completion.usage),
            system_fingerprint=_or_unset(completion.system_fingerprint),
            service_tier=_or_unset(completion.service_tier),
        )
    )


def chunk_bytes(chunk: Chunk) -> bytes:
    """The data of one event of a stream."""
    own = _own(chunk.carried)
    if own is not None:
        return own
    return _ENCODER.encode(
        wire.ChatCompletionChunk(
            id=chunk.id,
            created=chunk.created,
            model=chunk.model,
            choices=[_chunk_choice(delta) for delta in chunk.deltas],
            usage=UNSET if chunk.usage is None else _usage(chunk.usage),
            system_fingerprint=_or_unset(chunk.system_fingerprint),
            service_tier=_or_unset(chunk.service_tier),
        )
    )


def embeddings_bytes(embeddings: Embeddings) -> bytes:
    """The body of an embedding answer."""
    own = _own(embeddings.carried)
    if own is not None:
        return own
    tokens = embeddings.usage.input_tokens
    return _ENCODER.encode(
        wire.EmbeddingList(
            data=[wire.EmbeddingItem(index=item.index, embedding=item.vector) for item in embeddings.vectors],
            model=embeddings.model,
            usage=UNSET if tokens is None else wire.EmbeddingUsage(tokens, tokens),
        )
    )


def model(card: ModelCard) -> wire.Model:
    """A model in OpenAI's shape."""
    return wire.Model(id=card.id, created=card.created, owned_by=card.provider)


def encode(value: msgspec.Struct) -> bytes:
    """Any public struct as JSON."""
    return _ENCODER.encode(value)


def _own(carried: Carried | None) -> bytes | None:
    return carried.body if carried is not None and carried.dialect == OPENAI else None


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _usage(usage: Usage) -> wire.TokenUsage | UnsetType:
    if usage.input_tokens is None or usage.output_tokens is None:
        return UNSET
    return wire.TokenUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        prompt_tokens_details=UNSET if usage.cached_tokens is None else wire.PromptDetails(usage.cached_tokens),
        completion_tokens_details=UNSET
        if usage.reasoning_tokens is None
        else wire.CompletionDetails(usage.reasoning_tokens),
    )


def _choice(choice: Choice) -> wire.ChatChoice:
    reply = choice.reply
    legacy = reply.function_call
    return wire.ChatChoice(
        index=choice.index,
        message=wire.ChatMessage(
            content=reply.content,
            refusal=reply.refusal,
            reasoning_content=_or_unset(reply.reasoning),
            tool_calls=[_tool_call(call) for call in reply.tool_calls] or UNSET,
            function_call=UNSET if legacy is None else wire.FunctionCall(legacy.name, legacy.arguments),
        ),
        finish_reason=choice.finish_reason,
        logprobs=choice.logprobs,
    )


def _tool_call(call: chat.ToolCall) -> wire.ToolCall:
    if isinstance(call.custom, chat.CustomCall):
        custom = wire.CustomCall(call.custom.name, call.custom.input)
        return wire.ToolCall(id=call.id, type="custom", custom=custom)
    function = call.function if isinstance(call.function, chat.FunctionCall) else chat.FunctionCall("", "")
    return wire.ToolCall(id=call.id, function=wire.FunctionCall(function.name, function.arguments))


def _chunk_choice(delta: Delta) -> wire.ChunkChoice:
    legacy = delta.function_call
    # OpenAI's first chunk of a choice has an empty content beside the role; clients start their text with it.
    content = "" if delta.role and delta.content is None else delta.content
    return wire.ChunkChoice(
        index=delta.index,
        delta=wire.ChatDelta(
            role="assistant" if delta.role else UNSET,
            content=_or_unset(content),
            refusal=_or_unset(delta.refusal),
            reasoning_content=_or_unset(delta.reasoning),
            tool_calls=[_call_delta(call) for call in delta.tool_calls] or UNSET,
            function_call=UNSET
            if legacy is None
            else wire.FunctionCallDelta(name=_or_unset(legacy.name), arguments=legacy.arguments),
        ),
        finish_reason=delta.finish_reason,
        logprobs=delta.logprobs,
    )


def _call_delta(call: ToolCallDelta) -> wire.ToolCallDelta:
    first = call.id is not None
    name = _or_unset(call.name)
    if call.custom:
        custom = wire.CustomCallDelta(name=name, input=call.arguments)
        return wire.ToolCallDelta(
            index=call.index, id=_or_unset(call.id), type="custom" if first else UNSET, custom=custom
        )
    function = wire.FunctionCallDelta(name=name, arguments=call.arguments)
    return wire.ToolCallDelta(
        index=call.index, id=_or_unset(call.id), type="function" if first else UNSET, function=function
    )
