"""The use cases without a server: the command line answers by itself."""

import json
import secrets
import sys
from typing import Any

import msgspec

from domain.model.call import Call
from domain.model.chat import ChatParameters, ChatRequest
from domain.model.errors import InvalidRequest
from domain.model.stream import Delta, fold
from entrypoints.container import Container, build_container, close_container
from entrypoints.http.sending.answers import completion_bytes
from entrypoints.settings import Settings, variable

_NO_MODEL = f"Name a model with --model, or set {variable('default_model')}."


async def chat(settings: Settings, model: str | None, messages: object, *, as_json: bool) -> int:
    """Stream an answer to standard output, or print it as JSON when it is whole."""
    container = build_container(settings)
    chosen = model or container.default_model()
    if chosen is None:
        raise InvalidRequest(_NO_MODEL, param="model")
    parameters = msgspec.convert({"messages": messages}, ChatParameters)
    try:
        chunks = []
        async with container.stream_chat()(ChatRequest(chosen, parameters), _call(container)) as answer:
            async for batch in answer:
                chunks.extend(batch)
                if not as_json:
                    _show("".join(_said(delta) for chunk in batch for delta in chunk.deltas if delta.index == 0))
            if as_json:
                whole = completion_bytes(fold(chunks, answer.provenance))
                print(json.dumps(json.loads(whole), indent=2, ensure_ascii=False))
            else:
                _show("\n")
    finally:
        await close_container(container)
    return 0


async def models(settings: Settings) -> list[dict[str, Any]]:
    """The models, as the HTTP API shows them."""
    container = build_container(settings)
    try:
        cards = await container.list_models()(_call(container))
    finally:
        await close_container(container)
    return [{"id": card.id, "provider": card.provider, "capabilities": list(card.capabilities)} for card in cards]


async def troubles(settings: Settings) -> list[str]:
    """What keeps the providers from answering."""
    container = build_container(settings)
    try:
        found = [await catalog.trouble() for catalog in container.catalogs()]
    finally:
        await close_container(container)
    return [trouble for trouble in found if trouble is not None]


def _call(container: Container) -> Call:
    now = container.clock().now()
    deadline = now + container.settings().request_timeout
    return Call(id=f"cli-{secrets.token_hex(8)}", caller="cli", started=now, deadline=deadline)


def _said(delta: Delta) -> str:
    return (delta.content or "") + (delta.refusal or "")


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
