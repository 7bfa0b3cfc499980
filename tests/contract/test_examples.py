"""The examples of the two guides do what the guides say, on real sockets."""

import asyncio
import runpy
from pathlib import Path
from typing import Any

import openai
import pytest
from dependency_injector import providers

from domain.model.catalogue import Offer
from entrypoints.container import Container, build_container
from entrypoints.settings import Settings
from support.collecting_observer import CollectingObserver
from support.running_service import KEY, running_service

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HELLO: list[Any] = [{"role": "user", "content": "polly wants a cracker"}]


async def test_a_provider_of_ones_own_answers_the_official_client() -> None:
    parrot = runpy.run_path(str(EXAMPLES / "parrot_provider.py"))["ParrotProvider"]()

    def with_parrot(container: Container) -> None:
        container.chat_providers.override(providers.Object({"parrot": parrot}))
        container.offers.override(providers.Object((Offer(provider="parrot", models=("loud",)),)))

    async with running_service(with_parrot) as service:
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=KEY, max_retries=0) as client:
            whole = await client.chat.completions.create(model="parrot/loud", messages=HELLO)
            stream = await client.chat.completions.create(model="loud", messages=HELLO, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(model="parrot/quiet", messages=HELLO)
    assert whole.choices[0].message.content == text == "POLLY WANTS A CRACKER"
    assert whole.usage is None


@pytest.mark.parametrize(
    ("model", "answer", "outcome"),
    [
        ("fake/echo", b"Hello there\n\n", "ok"),
        ("fake/error-400", b"? ", "rejected"),
        ("fake/error-500", b"! ", "failed"),
        ("fake/cut-mid-stream", b"! ", "partial"),
    ],
)
async def test_an_entrypoint_of_ones_own_answers_lines(model: str, answer: bytes, outcome: str) -> None:
    entrypoint = runpy.run_path(str(EXAMPLES / "line_entrypoint.py"))["LineEntrypoint"]
    container = build_container(Settings(default_model=model))
    observer = CollectingObserver()
    container.observer.override(providers.Object(observer))
    server = await asyncio.start_server(entrypoint(container), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(b"Hello there\n")
        said = await reader.readuntil(b"\n\n")
        writer.close()
        await reader.read()
    assert answer in said
    assert [settled.outcome for settled in observer.settlements] == [outcome]
