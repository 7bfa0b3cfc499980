"""Our HTTP API as the official OpenAI client sees it, over the fake provider."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from support.running_service import KEY, RunningService, running_service

HELLO: list[Any] = [{"role": "user", "content": "Hello there, world"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    },
}
CLOCK: Any = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture
async def service() -> AsyncIterator[RunningService]:
    async with running_service() as running:
        yield running


@pytest.fixture
async def client(service: RunningService) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


async def test_a_plain_answer(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="fake/echo", messages=HELLO)
    choice = answer.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.content == "Hello there, world"
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


async def test_a_streamed_answer_says_the_same(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="fake/echo", messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello there, world"
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)


async def test_usage_comes_last_for_a_stream_that_asks(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="fake/echo", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_the_clients_own_stream_helper_understands_the_stream(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="fake/echo", messages=HELLO) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "Hello there, world"


async def test_tools_are_called_with_arguments_that_fit(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="fake/tool-call", messages=HELLO, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls or []
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.type == "function"
    assert call.function.name == "get_weather"
    arguments = json.loads(call.function.arguments)
    assert isinstance(arguments["city"], str)
    assert arguments["days"] >= 1


async def test_a_tool_loop_comes_to_an_end(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="fake/echo", messages=HELLO, tools=[WEATHER])
    (call,) = first.choices[0].message.tool_calls or []
    messages = [*HELLO, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = await client.chat.completions.create(model="fake/echo", messages=messages, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert "sunny" in (second.choices[0].message.content or "")


async def test_parallel_tool_calls_stream_with_indexes_and_ids(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="fake/parallel-tool-calls", messages=HELLO, tools=[WEATHER, CLOCK], stream=True
    )
    names: dict[int, str] = {}
    ids: dict[int, str] = {}
    arguments: dict[int, str] = {}
    async for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or []:
            if call.id:
                ids[call.index] = call.id
            if call.function and call.function.name:
                names[call.index] = call.function.name
            if call.function and call.function.arguments:
                arguments[call.index] = arguments.get(call.index, "") + call.function.arguments
    assert names == {0: "get_weather", 1: "get_time"}
    assert len(set(ids.values())) == 2
    assert [json.loads(arguments[index]) is not None for index in (0, 1)] == [True, True]


async def test_structured_output_fits_its_schema(client: openai.AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1},
        },
        "required": ["name", "tags"],
        "additionalProperties": False,
    }
    answer = await client.chat.completions.create(
        model="fake/echo",
        messages=HELLO,
        response_format={"type": "json_schema", "json_schema": {"name": "thing", "schema": schema, "strict": True}},
    )
    thing = json.loads(answer.choices[0].message.content or "")
    assert set(thing) == {"name", "tags"}
    assert thing["tags"][0] in {"a", "b"}


async def test_legacy_functions_answer_with_a_function_call(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="fake/tool-call",
        messages=HELLO,
        functions=[{"name": "f", "parameters": {"type": "object", "properties": {}}}],
    )
    assert answer.choices[0].message.function_call is not None
    assert answer.choices[0].message.function_call.name == "f"


async def test_several_choices(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="fake/echo", messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


@pytest.mark.parametrize(
    ("model", "kind", "status", "code"),
    [
        ("fake/error-400", openai.BadRequestError, 400, None),
        ("fake/error-context-length", openai.BadRequestError, 400, "context_length_exceeded"),
        ("fake/error-content-policy", openai.BadRequestError, 400, "content_policy_violation"),
        ("fake/error-401", openai.InternalServerError, 502, "upstream_auth"),
        ("fake/error-404", openai.NotFoundError, 404, "model_not_found"),
        ("fake/error-429", openai.RateLimitError, 429, "rate_limit_exceeded"),
        ("fake/error-500", openai.InternalServerError, 502, "upstream_error"),
        ("fake/timeout", openai.InternalServerError, 504, "upstream_timeout"),
        ("fake/unreachable", openai.InternalServerError, 502, "upstream_unreachable"),
        ("fake/no-such-model", openai.NotFoundError, 404, "model_not_found"),
        ("nobody/knows", openai.NotFoundError, 404, "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_are_the_clients_own_exceptions(
    client: openai.AsyncOpenAI,
    model: str,
    kind: type[openai.APIStatusError],
    status: int,
    code: str | None,
    *,
    stream: bool,
) -> None:
    with pytest.raises(kind) as caught:
        await client.chat.completions.create(model=model, messages=HELLO, stream=stream)
    assert caught.value.status_code == status
    assert code is None or caught.value.code == code
    assert caught.value.response.headers["content-type"] == "application/json"
    assert caught.value.response.headers["x-request-id"]


async def test_a_rate_limit_says_when_to_come_back(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(model="fake/error-429", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.response.headers["retry-after-ms"] == "2000"
    assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("model", ["fake/cut-mid-stream", "fake/error-mid-stream"])
async def test_a_broken_stream_raises_in_the_client_and_never_looks_finished(
    client: openai.AsyncOpenAI, service: RunningService, model: str
) -> None:
    stream = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
    seen = []
    with pytest.raises(openai.APIError):
        async for chunk in stream:
            seen.append(chunk)  # noqa: PERF401 - what came before the error counts
    assert seen
    body = {"model": model, "messages": HELLO, "stream": True}
    async with httpx.AsyncClient() as plain:
        raw = await plain.post(f"{service.url}/v1/chat/completions", json=body, headers={"x-internal-auth": KEY})
    events = [event for event in raw.text.split("\n\n") if event]
    assert "[DONE]" not in raw.text
    assert [event for event in events if '"error"' in event] == events[-1:]
    assert raw.status_code == 200


async def test_embeddings_are_the_same_plain_and_packed(client: openai.AsyncOpenAI) -> None:
    plain = await client.embeddings.create(model="fake/embedding", input=["a", "b"], encoding_format="float")
    packed = await client.embeddings.create(model="fake/embedding", input=["a", "b"])
    assert [item.index for item in plain.data] == [0, 1]
    assert plain.data[0].embedding == pytest.approx(packed.data[0].embedding, abs=1e-6)
    assert plain.data[0].embedding != plain.data[1].embedding
    assert plain.usage.prompt_tokens > 0


async def test_models_are_listed_and_found_by_ids_with_slashes(client: openai.AsyncOpenAI) -> None:
    ids = [model.id async for model in client.models.list()]
    assert "fake/echo" in ids
    assert ids == sorted(ids)
    assert (await client.models.retrieve("fake/echo")).owned_by == "fake"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("fake/none")


async def test_models_with_capabilities(service: RunningService) -> None:
    async with httpx.AsyncClient(headers={"x-internal-auth": KEY}) as plain:
        answer = (await plain.get(f"{service.url}/v1/llm/models")).json()
    echo = next(model for model in answer["models"] if model["id"] == "fake/echo")
    assert echo["provider"] == "fake"
    assert {"chat", "streaming", "tools"} <= set(echo["capabilities"])


async def test_answers_tell_where_they_came_from(client: openai.AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model="fake/echo", messages=HELLO, extra_headers={"x-request-id": "my-id.1"}
    )
    assert raw.headers["x-request-id"] == "my-id.1"
    assert raw.headers["x-llm-proxy-provider"] == "fake"
    assert raw.headers["x-llm-proxy-model"] == "fake/echo"
    assert raw.headers["x-llm-proxy-attempts"] == "1"
    assert float(raw.headers["x-llm-proxy-overhead-ms"]) >= 0


async def test_a_request_without_model_uses_the_default() -> None:
    async with running_service(default_model="fake/canned") as service, httpx.AsyncClient() as plain:
        answer = await plain.post(
            f"{service.url}/v1/chat/completions", json={"messages": HELLO}, headers={"x-internal-auth": KEY}
        )
    assert answer.json()["model"] == "fake/canned"


async def test_log_and_answer_agree(client: openai.AsyncOpenAI, service: RunningService) -> None:
    answer = await client.chat.completions.create(model="fake/echo", messages=HELLO)
    (settled,) = service.observer.settlements
    assert answer.usage is not None
    assert (settled.outcome, settled.usage.input_tokens) == ("ok", answer.usage.prompt_tokens)
    assert settled.call.caller == "key-1"
