"""Whole answers of this dialect: read, judged, and mended where they differ from what OpenAI promises its clients."""

import base64
import struct

import msgspec
from msgspec import UNSET, Raw

from adapters.dialects.openai.encode import DIALECT
from adapters.dialects.openai.finish import finish_reason
from adapters.dialects.openai.usage import read_usage
from adapters.dialects.openai.wire import (
    NOTHING,
    UNDECODABLE,
    WireAnswer,
    WireChoice,
    WireEmbedding,
    WireEmbeddings,
    WireMessage,
    WireToolCall,
    check_text,
    given,
)
from domain.model.chat import CustomCall, FunctionCall, ToolCall
from domain.model.completion import FINISH_REASONS, Choice, Completion, Provenance, Reply
from domain.model.document import Carried
from domain.model.embedding import Embedding, Embeddings, EncodingFormat
from domain.model.errors import UpstreamInvalid
from domain.model.usage import UNKNOWN_USAGE, Usage

_ANSWER = msgspec.json.Decoder(WireAnswer)
_VECTORS = msgspec.json.Decoder(WireEmbeddings)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CHOICES = msgspec.json.Decoder(list[dict[str, Raw]])
_ENCODER = msgspec.json.Encoder()
_NULL = Raw(b"null")
_OBJECT = "chat.completion"
# What OpenAI always sends and compatible providers leave out.
_ALWAYS_IN_MESSAGE = {"role": Raw(b'"assistant"'), "content": _NULL, "refusal": _NULL}


def decode_completion(body: bytes, provenance: Provenance, now: float) -> Completion:
    """The answer in `body`. Raises UpstreamInvalid where it is none. `now`: Unix time, for answers without a date."""
    try:
        check_text(body)
        return _completion(body, provenance, now)
    except UNDECODABLE as error:  # what was read once may be nested too deeply to be mended
        raise UpstreamInvalid("The provider's answer is not a chat completion.") from error


def _completion(body: bytes, provenance: Provenance, now: float) -> Completion:
    wire = _ANSWER.decode(body)
    if not wire.choices:
        raise UpstreamInvalid("The provider's answer has no choices.")
    completion_id = wire.id or f"chatcmpl-{provenance.upstream_id or int(now)}"
    created = int(wire.created or now)
    usage = read_usage(wire.usage)
    model = wire.model or provenance.model
    return Completion(
        id=completion_id,
        created=created,
        model=model,
        choices=tuple(_choice(position, choice) for position, choice in enumerate(wire.choices)),
        usage=usage or UNKNOWN_USAGE,
        provenance=provenance,
        system_fingerprint=wire.system_fingerprint,
        service_tier=wire.service_tier,
        carried=Carried(
            DIALECT, body if _is_right(wire, usage) else _mended(body, completion_id, created, model, usage)
        ),
    )


def _is_right(wire: WireAnswer, usage: Usage | None) -> bool:
    """Whether an answer has all that OpenAI always sends: then it travels as it came."""
    head = wire.id and wire.model and wire.created and type(wire.created) is int and wire.object == _OBJECT
    if not head or usage is None or usage.source == "unknown":
        return False
    return all(
        choice.index is not None
        and choice.logprobs is not NOTHING
        and choice.finish_reason in FINISH_REASONS
        and choice.message is not None
        and choice.message.role == "assistant"
        and UNSET not in (choice.message.content, choice.message.refusal)
        and choice.message.tool_calls is UNSET
        for choice in wire.choices or ()
    )


def _choice(position: int, wire: WireChoice) -> Choice:
    speech = wire.message or WireMessage()
    reason = finish_reason(wire.finish_reason if isinstance(wire.finish_reason, str) else None)
    if reason is None:
        raise UpstreamInvalid("The provider's answer does not say why it ended.")
    legacy = speech.function_call
    return Choice(
        index=position if wire.index is None else wire.index,
        reply=Reply(
            content=None if speech.content is UNSET else speech.content,
            refusal=None if speech.refusal is UNSET else speech.refusal,
            reasoning=speech.thinking,
            tool_calls=tuple(_tool_call(index, call) for index, call in enumerate(speech.tool_calls or ())),
            function_call=None if legacy is None else FunctionCall(legacy.name or "", legacy.arguments or ""),
        ),
        finish_reason=reason,
        logprobs=given(wire.logprobs),
    )


def _tool_call(position: int, wire: WireToolCall) -> ToolCall:
    call_id = wire.id or f"call_{position}"
    if wire.custom is not None:
        return ToolCall(call_id, "custom", custom=CustomCall(wire.custom.name or "", wire.custom.input or ""))
    function = wire.function
    if function is None:
        raise UpstreamInvalid("The provider's answer has a tool call that calls nothing.")
    return ToolCall(call_id, function=FunctionCall(function.name or "", function.arguments or ""))


def _mended(body: bytes, completion_id: str, created: int, model: str, usage: Usage | None) -> bytes:
    fields = _FIELDS.decode(body)
    if usage is None or usage.source == "unknown":
        fields.pop("usage", None)  # nonsense is left out: unknown is better than wrong
    fields["id"] = Raw(_ENCODER.encode(completion_id))
    fields["object"] = Raw(_ENCODER.encode(_OBJECT))
    fields["created"] = Raw(_ENCODER.encode(created))
    fields["model"] = Raw(_ENCODER.encode(model))
    choices = [_mended_choice(position, choice) for position, choice in enumerate(_CHOICES.decode(fields["choices"]))]
    fields["choices"] = Raw(_ENCODER.encode(choices))
    return _ENCODER.encode(fields)


def _mended_choice(position: int, choice: dict[str, Raw]) -> dict[str, Raw]:
    message = {**_ALWAYS_IN_MESSAGE, **_FIELDS.decode(choice.get("message", Raw(b"{}")))}
    if "tool_calls" in message:
        message = _with_mended_calls(message)
    word = msgspec.json.decode(choice["finish_reason"], type=str)
    return {
        "index": Raw(_ENCODER.encode(position)),
        "logprobs": _NULL,
        **choice,
        "message": Raw(_ENCODER.encode(message)),
        "finish_reason": Raw(_ENCODER.encode(finish_reason(word))),
    }


def _with_mended_calls(message: dict[str, Raw]) -> dict[str, Raw]:
    calls = msgspec.json.decode(message["tool_calls"], type=list[dict[str, Raw]] | None)
    if not calls:  # null (Mistral, vLLM) and [] (Together) mean that there are none
        return {name: value for name, value in message.items() if name != "tool_calls"}
    mended = []
    for position, call in enumerate(calls):
        kind = Raw(b'"custom"') if "custom" in call else Raw(b'"function"')
        call_id = call.get("id", _NULL)
        if bytes(call_id) in (b"null", b'""'):
            call_id = Raw(_ENCODER.encode(f"call_{position}"))
        mended.append({"type": kind, **call, "id": call_id})
    return {**message, "tool_calls": Raw(_ENCODER.encode(mended))}


def decode_embeddings(body: bytes, provenance: Provenance, encoding: EncodingFormat) -> Embeddings:
    """The vectors in `body`, written as `encoding` asks. Raises UpstreamInvalid where it holds none."""
    try:
        check_text(body)
        wire = _VECTORS.decode(body)
    except UNDECODABLE as error:
        raise UpstreamInvalid("The provider's answer holds no embeddings.") from error
    if not wire.data:
        raise UpstreamInvalid("The provider's answer holds no embeddings.")
    vectors = [_vector(position, item, encoding) for position, item in enumerate(wire.data)]
    return Embeddings(
        model=wire.model or provenance.model,
        vectors=tuple(sorted(vectors, key=lambda vector: vector.index)),
        usage=read_usage(wire.usage) or UNKNOWN_USAGE,
        provenance=provenance,
    )


def _vector(position: int, wire: WireEmbedding, encoding: EncodingFormat) -> Embedding:
    index = position if wire.index is None else wire.index
    match wire.embedding, encoding:
        case str() as packed, "base64":
            return Embedding(index, packed)
        case str() as packed, _:
            return Embedding(index, unpack(packed))
        case list() as numbers, "base64":
            return Embedding(index, pack(numbers))
        case list() as numbers, _:
            return Embedding(index, tuple(numbers))
        case _:
            raise UpstreamInvalid("The provider's answer has an embedding without a vector.")


def pack(numbers: list[float]) -> str:
    """A vector as OpenAI packs it: base64 of little-endian float32."""
    try:
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    except (OverflowError, struct.error) as error:
        raise UpstreamInvalid("The provider's answer has an embedding out of range.") from error


def unpack(packed: str) -> tuple[float, ...]:
    """The numbers of a packed vector. Raises UpstreamInvalid where it is not one."""
    try:
        raw = base64.b64decode(packed, validate=True)
        return struct.unpack(f"<{len(raw) // 4}f", raw)
    except (ValueError, struct.error) as error:
        raise UpstreamInvalid("The provider's answer has a malformed packed embedding.") from error
