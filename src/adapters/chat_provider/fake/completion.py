"""A model's draft made into a whole answer: the request's limits kept, words counted, everything named by a hash."""

from hashlib import sha256

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from adapters.chat_provider.fake import words
from adapters.chat_provider.fake.models import CREATED, PROVIDER, FakeModel
from adapters.chat_provider.fake.prompt import input_words
from adapters.chat_provider.fake.tool_answers import Draft
from domain.model.chat import ChatParameters, CustomCall, FunctionCall
from domain.model.completion import Choice, Completion, Provenance, Reply
from domain.model.usage import UNKNOWN_USAGE, Usage


def provenance(model: FakeModel) -> Provenance:
    """Where the answer comes from."""
    return Provenance(provider=PROVIDER, model=model.full_name)


def whole_answer(model: FakeModel, parameters: ChatParameters) -> Completion:
    """The model's answer. Raises InvalidRequest where the request's tools or schema cannot be satisfied."""
    draft = _limited(model.says(parameters), parameters)
    many = parameters.n if isinstance(parameters.n, int) else 1
    digest = _digest(model, parameters)
    return Completion(
        id=f"chatcmpl-fake-{digest[:24]}",
        created=CREATED,
        model=model.full_name,
        choices=tuple(
            Choice(index=index, reply=_with_ids(draft.reply, f"{digest}/{index}"), finish_reason=draft.finish_reason)
            for index in range(many)
        ),
        usage=_usage(parameters, draft.reply, many) if model.counts else UNKNOWN_USAGE,
        provenance=provenance(model),
    )


def _digest(model: FakeModel, parameters: ChatParameters) -> str:
    # Streamed or not, it is the same answer.
    asked = replace(parameters, stream=UNSET, stream_options=UNSET)
    return sha256(model.name.encode() + b"\n" + msgspec.json.encode(asked, order="deterministic")).hexdigest()


def _limited(draft: Draft, parameters: ChatParameters) -> Draft:
    reply, reason = draft.reply, draft.finish_reason
    if reply.content is not None:
        content = words.before_stop(reply.content, _stops(parameters))
        if content != reply.content:
            reply, reason = replace(reply, content=content), "stop"
    left = _most_words(parameters)
    if left is None:
        return Draft(reply, reason)
    for field in ("reasoning", "content", "refusal"):
        text: str | None = getattr(reply, field)
        if text is not None:
            kept = words.first_words(text, left)
            left -= words.count(kept)
            if kept != text:
                reply, reason = replace(reply, **{field: kept}), "length"
    return Draft(reply, reason)


def _stops(parameters: ChatParameters) -> list[str]:
    stop = parameters.stop
    if isinstance(stop, str):
        return [stop]
    return stop if isinstance(stop, list) else []


def _most_words(parameters: ChatParameters) -> int | None:
    limits = (parameters.max_tokens, parameters.max_completion_tokens)
    return min((limit for limit in limits if isinstance(limit, int)), default=None)


def _with_ids(reply: Reply, seed: str) -> Reply:
    calls = (
        replace(call, id=f"call_{sha256(f'{seed}/{position}'.encode()).hexdigest()[:24]}")
        for position, call in enumerate(reply.tool_calls)
    )
    return replace(reply, tool_calls=tuple(calls)) if reply.tool_calls else reply


def _usage(parameters: ChatParameters, reply: Reply, choices: int) -> Usage:
    thought = words.count(reply.reasoning or "")
    return Usage(
        input_tokens=input_words(parameters.messages),
        output_tokens=choices * (thought + sum(words.count(text) for text in _spoken(reply))),
        reasoning_tokens=None if reply.reasoning is None else choices * thought,
    )


def _spoken(reply: Reply) -> list[str]:
    texts = [reply.content or "", reply.refusal or ""]
    for call in (*(call.function or call.custom for call in reply.tool_calls), reply.function_call):
        if isinstance(call, FunctionCall):
            texts += [call.name, call.arguments]
        elif isinstance(call, CustomCall):
            texts += [call.name, call.input]
    return texts
