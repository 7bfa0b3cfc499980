"""Whole answers of this dialect: read, judged, and mended where they differ from what OpenAI promises its clients."""

import msgspec
from msgspec import UNSET, Raw

from adapters.dialects.openai.encode import DIALECT
from adapters.dialects.openai.finish import finish_reason
from adapters.dialects.openai.usage import read_and_mend_usage
from adapters.dialects.openai.wire import (
    NOTHING,
    UNDECODABLE,
    WireAnswer,
    WireChoice,
    WireFunction,
    WireMessage,
    WireToolCall,
    check_text,
    given,
)
from domain.model.chat import CustomCall, FunctionCall, ToolCall
from domain.model.completion import FINISH_REASONS, Choice, Completion, Provenance, Reply
from domain.model.document import Carried
from domain.model.errors import UpstreamInvalid
from domain.model.usage import UNKNOWN_USAGE

_ANSWER = msgspec.json.Decoder(WireAnswer)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CHOICES = msgspec.json.Decoder(list[dict[str, Raw]])
_ENCODER = msgspec.json.Encoder()
_NULL = Raw(b"null")
_OBJECT = "chat.completion"
_ASSISTANT = Raw(b'"assistant"')
# What OpenAI always sends and compatible providers leave out.
_ALWAYS_IN_MESSAGE = {"role": _ASSISTANT, "content": _NULL, "refusal": _NULL}


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
    usage, told_usage = read_and_mend_usage(wire.usage)
    model = wire.model or provenance.model
    choices = tuple(_choice(position, choice) for position, choice in enumerate(wire.choices))
    if len(choices) > 1 and len({choice.index for choice in choices}) < len(choices):
        raise UpstreamInvalid("The provider's answer has two choices of one index.")
    is_right = told_usage is wire.usage and _is_right(wire)
    return Completion(
        id=completion_id,
        created=created,
        model=model,
        choices=choices,
        usage=usage or UNKNOWN_USAGE,
        provenance=provenance,
        system_fingerprint=wire.system_fingerprint,
        service_tier=wire.service_tier,
        carried=Carried(DIALECT, body if is_right else _mended(body, completion_id, created, model, told_usage)),
    )


def _is_right(wire: WireAnswer) -> bool:
    """Whether an answer has all that OpenAI always sends (its usage aside): then it travels as it came."""
    if not (wire.id and wire.model and wire.created and type(wire.created) is int and wire.object == _OBJECT):
        return False
    return all(_choice_is_right(choice, choice.message) for choice in wire.choices or ())


def _choice_is_right(choice: WireChoice, message: WireMessage | None) -> bool:
    return (
        message is not None
        and choice.index is not None
        and choice.logprobs is not NOTHING
        and choice.finish_reason in FINISH_REASONS
        and message.role == "assistant"
        and UNSET not in (message.content, message.refusal)
        and message.tool_calls is UNSET
        and (message.function_call is None or message.function_call.arguments is not None)
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
            function_call=None if legacy is None else _function(legacy),
        ),
        finish_reason=reason,
        logprobs=given(wire.logprobs),
    )


def _tool_call(position: int, wire: WireToolCall) -> ToolCall:
    call_id = wire.id or f"call_{position}"
    if wire.custom is not None:
        return ToolCall(call_id, "custom", custom=CustomCall(_name(wire.custom), wire.custom.input or ""))
    return ToolCall(call_id, function=_function(wire.function or WireFunction()))


def _function(wire: WireFunction) -> FunctionCall:
    return FunctionCall(_name(wire), wire.arguments or "")


def _name(wire: WireFunction) -> str:
    if not wire.name:
        raise UpstreamInvalid("The provider's answer has a tool call that calls nothing.")
    return wire.name


def _mended(body: bytes, completion_id: str, created: int, model: str, usage: Raw | None) -> bytes:
    fields = _FIELDS.decode(body)
    if usage is None:
        fields.pop("usage", None)  # nonsense is left out: unknown is better than wrong
    else:
        fields["usage"] = usage
    fields["id"] = Raw(_ENCODER.encode(completion_id))
    fields["object"] = Raw(_ENCODER.encode(_OBJECT))
    fields["created"] = Raw(_ENCODER.encode(created))
    fields["model"] = Raw(_ENCODER.encode(model))
    choices = [_mended_choice(position, choice) for position, choice in enumerate(_CHOICES.decode(fields["choices"]))]
    fields["choices"] = Raw(_ENCODER.encode(choices))
    return _ENCODER.encode(fields)


def _mended_choice(position: int, choice: dict[str, Raw]) -> dict[str, Raw]:
    message = {**_ALWAYS_IN_MESSAGE, **_FIELDS.decode(choice.get("message", Raw(b"{}"))), "role": _ASSISTANT}
    if "tool_calls" in message:
        message = _with_mended_calls(message)
    legacy = given(message.get("function_call", NOTHING))
    if legacy is not None:
        message["function_call"] = _with_text(legacy, "arguments")
    index = given(choice.get("index", NOTHING))
    word = msgspec.json.decode(choice["finish_reason"], type=str)
    return {
        "index": _NULL,
        "logprobs": _NULL,
        **choice,
        **({"index": Raw(_ENCODER.encode(position))} if index is None else {}),
        "message": Raw(_ENCODER.encode(message)),
        "finish_reason": Raw(_ENCODER.encode(finish_reason(word))),
    }


def _with_mended_calls(message: dict[str, Raw]) -> dict[str, Raw]:
    calls = msgspec.json.decode(message["tool_calls"], type=list[dict[str, Raw]] | None)
    if not calls:  # null (Mistral, vLLM) and [] (Together) mean that there are none
        return {name: value for name, value in message.items() if name != "tool_calls"}
    mended = [_mended_call(position, call) for position, call in enumerate(calls)]
    return {**message, "tool_calls": Raw(_ENCODER.encode(mended))}


def _mended_call(position: int, call: dict[str, Raw]) -> dict[str, Raw]:
    kind, text, other = "function", "arguments", "custom"
    if given(call.get("custom", NOTHING)) is not None:
        kind, text, other = "custom", "input", "function"
    call_id = call.get("id", _NULL)
    if bytes(call_id) in (b"null", b'""'):
        call_id = Raw(_ENCODER.encode(f"call_{position}"))
    mended = {**call, "id": call_id, "type": Raw(_ENCODER.encode(kind)), kind: _with_text(call[kind], text)}
    mended.pop(other, None)  # an empty place for the other kind
    return mended


def _with_text(call: Raw, name: str) -> Raw:
    """The inside of a call with its text, which is empty where a provider left it out."""
    fields = _FIELDS.decode(call)
    return call if given(fields.get(name, NOTHING)) is not None else Raw(_ENCODER.encode({**fields, name: ""}))
