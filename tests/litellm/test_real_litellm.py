"""The official client, our service, a real LiteLLM proxy and a scripted provider, on real sockets."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from support.litellm_process import MASTER_KEY, OUR_KEY, litellm_process
from support.processes import Process, free_port, our_service
from support.scripted_openai import VECTOR, ScriptedOpenAI

FUNCTION: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CHAT = "/v1/chat/completions"
CLOSED_S = 5


def say(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def asking(text: str, *, stream: bool) -> dict[str, Any]:
    return {"model": "scripted", "messages": say(text), "stream": stream}


def raw_client(service: Process) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers={"x-internal-auth": OUR_KEY}, timeout=30, trust_env=False)


@pytest.fixture
def raw(service: Process) -> Iterator[httpx.Client]:
    with raw_client(service) as made:
        yield made


def events(answer: httpx.Response) -> Iterator[str]:
    """What follows `data: `, as it comes. Ends with an error where the body has no correct end."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return (line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: "))


def ends_with_one_error(found: list[str]) -> bool:
    """Whether there are events, the last and no other is an error, and there is no end mark."""
    return "[DONE]" not in found and [event for event in found if "error" in json.loads(event)] == found[-1:] != []


def test_a_plain_answer(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="scripted", messages=say("hi"))
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello world"
    assert answer.model == "scripted"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 4)
    assert raw.headers["x-llm-proxy-provider"] == "litellm"


def test_a_streamed_answer(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="scripted", messages=say("hi"), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello world"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 1
    assert {chunk.usage for chunk in chunks} == {None}


def test_usage_ends_a_stream_that_asks_for_it(client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(model="scripted", messages=say("hi"), stream=True, stream_options=options)
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 15


def test_a_tool_call_and_its_stream(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="scripted", messages=say("tool"), tools=[FUNCTION])
    (call,) = whole.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (whole.choices[0].finish_reason, call.id, call.function.arguments) == ("tool_calls", "call_a", '{"a":1}')
    with client.chat.completions.stream(model="scripted", messages=say("tool"), tools=[FUNCTION]) as stream:
        final = stream.get_final_completion()
    (streamed,) = final.choices[0].message.tool_calls or []
    assert (streamed.id, streamed.function.arguments) == (call.id, call.function.arguments)


def test_parallel_tool_calls_and_their_stream(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="scripted", messages=say("parallel"), tools=[FUNCTION])
    assert [call.id for call in whole.choices[0].message.tool_calls or []] == ["call_a", "call_b"]
    with client.chat.completions.stream(model="scripted", messages=say("parallel"), tools=[FUNCTION]) as stream:
        final = stream.get_final_completion()
    assert [
        (call.id, call.function.name, call.function.arguments) for call in final.choices[0].message.tool_calls or []
    ] == [("call_a", "f", '{"a":1}'), ("call_b", "g", "{}")]


def test_structured_output_reaches_the_provider(client: openai.OpenAI, upstream: ScriptedOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    form: Any = {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema, "strict": True}}
    answer = client.chat.completions.create(model="scripted", messages=say("json"), response_format=form)
    assert json.loads(answer.choices[0].message.content or "") == {"name": "x"}
    assert upstream.bodies[-1]["response_format"]["json_schema"]["schema"] == schema


def test_embeddings_are_written_as_asked(client: openai.OpenAI) -> None:
    plain = client.embeddings.create(model="vectors", input=["a", "b"], encoding_format="float")
    packed: Any = client.embeddings.create(model="vectors", input="a", encoding_format="base64")
    unpacked = client.embeddings.create(model="vectors", input="a")
    assert [item.embedding for item in plain.data] == [list(VECTOR), list(VECTOR)]
    assert packed.data[0].embedding == "AAAAPwAAgL4="
    assert unpacked.data[0].embedding == list(VECTOR)


def test_models_are_those_of_the_proxy(client: openai.OpenAI) -> None:
    assert {"scripted", "priced", "vectors"} <= {model.id for model in client.models.list()}


def test_a_wrong_key_of_ours(service: Process) -> None:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            stranger.models.list()
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "text", "kind", "status", "code"),
    [
        ("nobody-knows", "hi", openai.NotFoundError, 404, "model_not_found"),
        ("scripted", "too long", openai.BadRequestError, 400, "context_length_exceeded"),
        ("scripted", "flagged", openai.BadRequestError, 400, "content_policy_violation"),
        ("scripted", "429", openai.RateLimitError, 429, "rate_limit_exceeded"),
        ("scripted", "500", openai.InternalServerError, 502, "upstream_error"),
        ("scripted", "bad key", openai.InternalServerError, 502, "upstream_auth"),
    ],
)
def test_errors(
    client: openai.OpenAI,
    model: str,
    text: str,
    kind: type[openai.APIStatusError],
    status: int,
    code: str,
    *,
    stream: bool,
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=say(text), stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert "litellm" not in caught.value.message.replace("LiteLLM proxy", "")
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


def test_each_request_is_one_attempt_at_the_provider(client: openai.OpenAI, upstream: ScriptedOpenAI) -> None:
    before = len(upstream.bodies)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="scripted", messages=say("500"))
    assert len(upstream.bodies) == before + 1


def test_the_cost_of_a_priced_model_is_told(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="priced", messages=say("hi"))
    assert raw.headers["x-llm-proxy-cost-usd"] == "0.000019"
    unpriced = client.chat.completions.with_raw_response.create(model="scripted", messages=say("hi"))
    assert "x-llm-proxy-cost-usd" not in unpriced.headers


def test_an_answer_that_the_provider_filtered_says_so(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="scripted", messages=say("cut off"))
    streamed = list(client.chat.completions.create(model="scripted", messages=say("cut off"), stream=True))
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == ("Hello", "content_filter")
    assert streamed[-1].choices[0].finish_reason == "content_filter"


def test_no_key_of_ours_reaches_the_provider(client: openai.OpenAI, upstream: ScriptedOpenAI) -> None:
    client.chat.completions.create(model="scripted", messages=say("hi"))
    headers = upstream.asked[-1].headers
    assert headers["authorization"] == "Bearer fake"
    assert not [value for value in headers.values() if OUR_KEY in value or MASTER_KEY in value]


@pytest.mark.parametrize("text", ["error mid-stream", "cut"])
def test_a_broken_stream_ends_with_one_error_and_no_end_mark(
    raw: httpx.Client, upstream: ScriptedOpenAI, text: str
) -> None:
    with raw.stream("POST", CHAT, json=asking(text, stream=True)) as answer:
        coming = events(answer)
        begun = next(coming)
        upstream.held().release()
        found = [begun, *coming]
    assert ends_with_one_error(found)


@pytest.mark.parametrize("text", ["error mid-stream", "cut"])
def test_the_official_client_raises_where_a_stream_breaks(
    client: openai.OpenAI, upstream: ScriptedOpenAI, text: str
) -> None:
    with client.chat.completions.create(model="scripted", messages=say(text), stream=True) as stream:
        begun = next(stream)
        upstream.held().release()
        with pytest.raises(openai.APIError) as caught:
            list(stream)
    assert begun.choices[0].delta.role == "assistant"
    assert caught.value.code == "upstream_error"


def test_what_this_release_of_litellm_hides_stays_hidden(raw: httpx.Client) -> None:
    """LiteLLM 1.106.2 invents `stop` for an answer that was cut cleanly. It tells nobody, so nobody behind it can tell.

    Releases from 1.109 on report it; this test fails with them, and should then join the ones above.
    """
    with raw.stream("POST", CHAT, json=asking("clean end", stream=True)) as answer:
        *_, last, mark = events(answer)
    assert mark == "[DONE]"
    assert json.loads(last)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("text", "stream"), [("hang mid-stream", True), ("hang", False)])
def test_a_caller_that_leaves_stops_the_provider(
    service: Process, upstream: ScriptedOpenAI, text: str, *, stream: bool
) -> None:
    body = json.dumps(asking(text, stream=stream)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nx-internal-auth: {OUR_KEY}\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as caller:
        caller.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        held = upstream.held()
        received = b""
        while stream and b'"llo"' not in received:
            received += caller.recv(65_536)
        assert not held.peer_closed.is_set()
    assert held.peer_closed.wait(CLOSED_S)


def test_our_own_key_refused_is_a_502(litellm: Process) -> None:
    settings = {"litellm_proxy_url": litellm.url, "litellm_api_key": "sk-wrong", "internal_api_key": OUR_KEY}
    with (
        our_service(**settings) as service,
        openai.OpenAI(base_url=f"{service.url}/v1", api_key=OUR_KEY, max_retries=0) as client,
    ):
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="scripted", messages=say("hi"))
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_auth")


def test_it_starts_without_the_proxy_and_says_so() -> None:
    settings = {"litellm_proxy_url": f"http://127.0.0.1:{free_port()}", "internal_api_key": OUR_KEY}
    with (
        our_service(**settings) as service,
        openai.OpenAI(base_url=f"{service.url}/v1", api_key=OUR_KEY, max_retries=0) as client,
    ):
        ready = httpx.get(f"{service.url}/health/ready", trust_env=False)
        assert (ready.status_code, len(ready.json()["reasons"])) == (503, 1)
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="scripted", messages=say("hi"))
        assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")


def test_killing_the_proxy_mid_stream_ends_the_stream_with_one_error(upstream: ScriptedOpenAI) -> None:
    with litellm_process(upstream) as proxy:
        settings = {"litellm_proxy_url": proxy.url, "litellm_api_key": MASTER_KEY, "internal_api_key": OUR_KEY}
        with our_service(**settings) as service, raw_client(service) as raw:
            with raw.stream("POST", CHAT, json=asking("hang mid-stream", stream=True)) as answer:
                coming = events(answer)
                begun = next(coming)
                upstream.held()
                proxy.kill()
                found = [begun, *coming]
            assert ends_with_one_error(found)
            assert raw.get("/health").status_code == 200
