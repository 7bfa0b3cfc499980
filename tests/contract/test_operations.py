"""What operators rely on: health, limits, draining, keys, origins, deadlines, traces."""

import asyncio
from typing import Any

import httpx
import pytest

from entrypoints.settings import Secret
from support.litellm_upstream import litellm_upstream
from support.running_service import KEY, RunningService, running_service

HELLO = [{"role": "user", "content": "hi"}]


async def ask(service: RunningService, model: str = "fake/echo", key: str = KEY, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(
            f"{service.url}/v1/chat/completions",
            json={"model": model, "messages": HELLO},
            headers={"authorization": f"Bearer {key}", **headers},
        )


async def look(service: RunningService, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(service.url + path, headers=headers)


async def test_health_needs_no_key_and_tells_the_version() -> None:
    async with running_service(version="9.9") as service:
        assert (await look(service, "/health")).json() == {"status": "ok", "version": "9.9"}
        assert (await look(service, "/health/live")).json() == {"status": "ok"}
        assert (await look(service, "/health/ready")).status_code == 200
        assert service.observer.settlements == []


async def test_readiness_follows_the_provider() -> None:
    async with litellm_upstream() as upstream, running_service(litellm_proxy_url=upstream.url) as service:
        assert (await look(service, "/health/ready")).status_code == 200
    async with running_service(litellm_proxy_url="http://127.0.0.1:9") as service:
        answer = await look(service, "/health/ready")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["LiteLLM proxy: The provider cannot be reached."]


async def test_a_service_that_drains_takes_no_new_work_and_says_so() -> None:
    async with running_service() as service:
        service.container.admission().drain()
        refused = await ask(service)
        ready = await look(service, "/health/ready")
        assert (await look(service, "/health/live")).status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
    assert refused.headers["retry-after"] == "1"
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["shutting down"])


async def test_more_work_than_the_limit_is_refused_at_once() -> None:
    async with litellm_upstream() as upstream:
        async with running_service(litellm_proxy_url=upstream.url, max_concurrent_requests=1) as service:
            first = asyncio.ensure_future(ask(service, "hang"))
            await upstream.hanging.wait()
            refused = await ask(service, "gpt")
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await upstream.closed.wait()
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
    assert refused.headers["retry-after"] == "1"


async def test_each_of_several_keys_is_a_caller_of_its_own() -> None:
    async with running_service(internal_api_key=Secret("one, two")) as service:
        assert (await ask(service, key="two")).status_code == 200
        assert (await ask(service, key="three")).status_code == 401
        assert [settled.call.caller for settled in service.observer.settlements] == ["key-2", "anonymous"]


async def test_a_caller_can_shorten_its_deadline() -> None:
    async with running_service() as service:
        answer = await ask(service, "fake/hang", **{"x-request-timeout": "0.05"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")


@pytest.mark.parametrize(("origin", "allowed"), [("https://a.example", True), ("https://evil.example", False)])
async def test_browsers_may_call_from_configured_origins(origin: str, *, allowed: bool) -> None:
    async with running_service(cors_origins=["https://a.example"]) as service:
        answer = await look(service, "/health", origin=origin)
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-01", True),
        ("00-" + "0" * 32 + "-" + "b" * 16 + "-01", False),
        ("garbage", False),
    ],
)
async def test_a_callers_trace_goes_on_to_the_provider_where_we_make_no_spans(given: str, *, sent: bool) -> None:
    async with litellm_upstream() as upstream, running_service(litellm_proxy_url=upstream.url) as service:
        assert (await ask(service, "gpt", traceparent=given)).status_code == 200
    assert (f"traceparent: {given}".encode() in upstream.heads[0].lower()) is sent


async def test_only_our_own_headers_reach_the_provider() -> None:
    odd: dict[str, Any] = {
        "cookie": "a=b",
        "x-forwarded-for": "1.2.3.4",
        "x-litellm-timeout": "1",
        "openai-organization": "o",
    }
    async with litellm_upstream() as upstream, running_service(litellm_proxy_url=upstream.url) as service:
        await ask(service, "gpt", **odd)
    head = upstream.heads[0].lower()
    for name in (*odd, KEY):
        assert name.encode() not in head


async def test_a_providers_rate_limits_are_passed_on() -> None:
    async with litellm_upstream() as upstream, running_service(litellm_proxy_url=upstream.url) as service:
        answer = await ask(service, "error-rate")
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    assert answer.headers["retry-after"] == "7"


async def test_the_cost_is_told_when_it_is_known() -> None:
    async with litellm_upstream() as upstream, running_service(litellm_proxy_url=upstream.url) as service:
        answer = await ask(service, "gpt")
        (settled,) = service.observer.settlements
    assert answer.headers["x-llm-proxy-cost-usd"] == "0.0000135"
    assert settled.cost is not None
    assert settled.cost.nano_usd == 13_500
