"""A stream that began ends in exactly one of two ways; one that did not begin is an ordinary error."""

import json
from collections.abc import Sequence

import httpx
import pytest
from dependency_injector import providers

from domain.model.catalogue import Offer
from domain.model.errors import GatewayError, UpstreamFailed, UpstreamInvalid, UpstreamTimeout
from domain.model.stream import Chunk, Delta
from domain.model.usage import Usage
from entrypoints.container import Container
from support.running_service import KEY, running_service
from support.scripted_provider import ScriptedProvider, Step

BODY = {"model": "scripted/m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def batch(*deltas: Delta, usage: Usage | None = None) -> list[Chunk]:
    return [Chunk(id="c", created=1, model="m", deltas=deltas, usage=usage)]


ROLE = batch(Delta(index=0, role=True))
TEXT = batch(Delta(index=0, content="Hello"))
STOP = batch(Delta(index=0, finish_reason="stop"))
OTHER = batch(Delta(index=1, role=True, content="Hi"))
USAGE = batch(usage=Usage(input_tokens=1, output_tokens=1))


def breaks() -> None:
    raise ZeroDivisionError


async def streamed(steps: Sequence[Step]) -> tuple[httpx.Response, str]:
    def scripted(container: Container) -> None:
        container.chat_providers.override(providers.Object({"scripted": ScriptedProvider(steps)}))
        container.offers.override(providers.Object((Offer(provider="scripted", models=("m",)),)))

    async with running_service(scripted) as service, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{service.url}/v1/chat/completions", json=BODY, headers={"x-internal-auth": KEY})
        (settled,) = service.observer.settlements
    return answer, settled.outcome


def events(answer: httpx.Response) -> list[str]:
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    parts = answer.text.split("\n\n")
    assert parts.pop() == ""
    assert all(part.startswith("data: ") for part in parts)
    return [part.removeprefix("data: ") for part in parts]


@pytest.mark.parametrize(
    "steps",
    [
        [ROLE, TEXT, STOP],
        [ROLE + TEXT + STOP],
        [ROLE, TEXT, STOP, USAGE],
        [TEXT, OTHER, STOP, batch(Delta(index=1, finish_reason="length"))],
    ],
)
async def test_a_whole_answer_ends_with_done(steps: list[Step]) -> None:
    answer, outcome = await streamed(steps)
    found = events(answer)
    assert (answer.status_code, outcome) == (200, "ok")
    assert found[-1] == "[DONE]"
    assert found.count("[DONE]") == 1
    assert not any('"error"' in event or '"usage"' in event for event in found)


@pytest.mark.parametrize(
    ("steps", "code", "outcome"),
    [
        ([ROLE, TEXT], "upstream_truncated", "partial"),
        ([ROLE], "upstream_truncated", "failed"),
        ([ROLE, TEXT, OTHER, STOP], "upstream_truncated", "partial"),
        ([ROLE, TEXT, UpstreamFailed("boom")], "upstream_error", "partial"),
        ([ROLE, TEXT, UpstreamTimeout("silence")], "upstream_timeout", "partial"),
        ([ROLE, TEXT, STOP, UpstreamInvalid("nonsense")], "upstream_invalid", "partial"),
        ([ROLE, TEXT, breaks], "internal_error", "partial"),
    ],
)
async def test_anything_else_ends_with_one_error_event(steps: list[Step], code: str, outcome: str) -> None:
    answer, settled = await streamed(steps)
    found = events(answer)
    assert (answer.status_code, settled) == (200, outcome)
    assert "[DONE]" not in found
    assert [event for event in found if '"error"' in event] == found[-1:]
    error = json.loads(found[-1])["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code


@pytest.mark.parametrize(
    ("steps", "status", "code"),
    [
        ([], 502, "upstream_truncated"),
        ([UpstreamFailed("boom")], 502, "upstream_error"),
        ([lambda: None, UpstreamTimeout("silence")], 504, "upstream_timeout"),
        ([breaks], 500, "internal_error"),
    ],
)
async def test_what_did_not_begin_is_an_ordinary_error(steps: list[GatewayError], status: int, code: str) -> None:
    answer, outcome = await streamed(steps)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert outcome == "failed"
