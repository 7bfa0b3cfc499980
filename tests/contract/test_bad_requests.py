"""Bad input gets a 4xx in the contract's form that names the field, costs no upstream call and never a 5xx."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.running_service import RunningService, post, raw_exchange, running_service, status_and_body

CHAT = "/v1/chat/completions"


class SilentUpstream:
    """Counts connections; nobody may ever come."""

    def __init__(self) -> None:
        self.connections = 0

    async def __call__(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


class Setup:
    def __init__(self, service: RunningService, upstream: SilentUpstream) -> None:
        self.service = service
        self.upstream = upstream


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    """The service in front of a LiteLLM proxy that must not be called."""
    upstream = SilentUpstream()
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, running_service(litellm_proxy_url=url, max_body_bytes=100_000) as service:
        yield Setup(service, upstream)


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def message(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi", **fields}]}).encode()


DEEP = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}"

BODIES: list[tuple[str, bytes, int, str | None]] = [
    ("empty", b"", 400, "body"),
    ("text", b"hello", 400, "body"),
    ("cut", b'{"model": "m", "mess', 400, "body"),
    ("array", b"[]", 400, "body"),
    ("string", b'"x"', 400, "body"),
    ("null", b"null", 400, "body"),
    ("number", b"1", 400, "body"),
    ("not a number", b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":NaN}', 400, "body"),
    ("infinity", b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1e400}', 400, "temperature"),
    ("invalid utf-8", b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}', 400, "body"),
    ("invalid utf-8 in an unknown field", chat()[:-1] + b',"x":"\xc3"}', 400, "body"),
    ("utf-16", chat().decode().encode("utf-16"), 400, "body"),
    ("depth 10,000", DEEP, 400, "body"),
    ("larger than the limit", chat(x="x" * 100_001), 413, None),
    ("no messages", b'{"model":"m"}', 400, "messages"),
    ("messages: text", chat(messages="hi"), 400, "messages"),
    ("messages: empty", chat(messages=[]), 400, "messages"),
    ("messages: numbers", chat(messages=[1]), 400, "messages[0]"),
    ("model: number", chat(model=5), 400, "model"),
    ("model: empty", chat(model=""), 400, "model"),
    ("model: huge", chat(model="x" * 5000), 400, "model"),
    ("no model", b'{"messages":[{"role":"user","content":"hi"}]}', 400, "model"),
    ("role: number", message(role=1), 400, "messages[0].role"),
    ("role: unknown", message(role="boss"), 400, "messages[0].role"),
    ("content: number", message(content=5), 400, "messages[0].content"),
    ("content: null", message(content=None), 400, "messages[0].content"),
    ("part: unknown type", message(content=[{"type": "smell"}]), 400, "messages[0].content[0].type"),
    ("part: no url", message(content=[{"type": "image_url", "image_url": {}}]), 400, "messages[0].content[0].image_url.url"),
    ("tool answer without call", chat(messages=[{"role": "tool", "content": "x"}]), 400, "messages[0].tool_call_id"),
    ("temperature: text", chat(temperature="1"), 400, "temperature"),
    ("temperature: list", chat(temperature=[]), 400, "temperature"),
    ("temperature: out of range", chat(temperature=3), 400, "temperature"),
    ("top_p: out of range", chat(top_p=1.5), 400, "top_p"),
    ("max_tokens: negative", chat(max_tokens=-1), 400, "max_tokens"),
    ("max_tokens: fraction", chat(max_tokens=1.5), 400, "max_tokens"),
    ("n: too many", chat(n=17), 400, "n"),
    ("n: text", chat(n="x"), 400, "n"),
    ("stream: text", chat(stream="yes"), 400, "stream"),
    ("stream_options: list", chat(stream_options=[]), 400, "stream_options"),
    ("stop: number", chat(stop=5), 400, "stop"),
    ("seed: text", chat(seed="x"), 400, "seed"),
    ("tools: text", chat(tools="x"), 400, "tools"),
    ("tools: too many", chat(tools=[{"type": "function", "function": {"name": "f"}}] * 513), 400, "tools"),
    ("tool: no name", chat(tools=[{"type": "function", "function": {}}]), 400, "tools[0].function.name"),
    ("tool_choice: number", chat(tool_choice=1), 400, "tool_choice"),
    ("parallel_tool_calls: text", chat(parallel_tool_calls="x"), 400, "parallel_tool_calls"),
    ("response_format: text", chat(response_format="json"), 400, "response_format"),
    ("response_format: unknown", chat(response_format={"type": "xml"}), 400, "response_format.type"),
    ("logprobs: number", chat(logprobs=1), 400, "logprobs"),
    ("top_logprobs: too many", chat(top_logprobs=10**9), 400, "top_logprobs"),
    ("logit_bias: list", chat(logit_bias=[]), 400, "logit_bias"),
    ("metadata: numbers", chat(metadata={"a": 1}), 400, "metadata[...]"),
    ("user: number", chat(user=1), 400, "user"),
    ("api_base", chat(api_base="http://evil"), 400, "api_base"),
    ("num_retries", chat(num_retries=8), 400, "num_retries"),
    ("mock_response", chat(mock_response="x"), 400, "mock_response"),
    ("fallbacks", chat(fallbacks=["x"]), 400, "fallbacks"),
    ("aws credentials", chat(aws_access_key_id="x"), 400, "aws_access_key_id"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "field"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
async def test_a_bad_body(setup: Setup, body: bytes, status: int, field: str | None) -> None:
    answer = await raw_exchange(setup.service.port, post(CHAT, body))
    got, text = status_and_body(answer)
    assert got == status, text
    error = json.loads(text)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == field
    assert error["type"] == "invalid_request_error"
    assert setup.upstream.connections == 0
    (settled,) = setup.service.observer.settlements
    assert (settled.outcome, settled.code, settled.operation) == ("rejected", error["code"], "chat")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"model":"m"}', "input"),
        (b'{"model":"m","input":""}', "input"),
        (b'{"model":"m","input":[]}', "input"),
        (b'{"model":"m","input":{"a":1}}', "input"),
        (b'{"model":"m","input":[null]}', "input[0]"),
        (b'{"model":"m","input":"x","dimensions":0}', "dimensions"),
        (b'{"model":"m","input":"x","encoding_format":"hex"}', "encoding_format"),
        (b'{"model":"m","input":"x","api_key":"k"}', "api_key"),
    ],
)
async def test_a_bad_embedding_body(setup: Setup, body: bytes, field: str) -> None:
    got, text = status_and_body(await raw_exchange(setup.service.port, post("/v1/embeddings", body)))
    assert (got, json.loads(text)["error"]["param"]) == (400, field)
    assert setup.upstream.connections == 0


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"content-type": ""}, "content-type"),
        ({"content-type": "text/xml"}, "content-type"),
        ({"content-type": "application/json; charset=utf-16"}, "content-type"),
        ({"content-type": "multipart/form-data; boundary=x"}, "content-type"),
        ({"content-encoding": "gzip"}, "content-encoding"),
    ],
)
async def test_a_body_that_is_not_plain_json(setup: Setup, headers: dict[str, str], field: str) -> None:
    got, text = status_and_body(await raw_exchange(setup.service.port, post(CHAT, chat(), headers)))
    assert (got, json.loads(text)["error"]["param"]) == (415, field)
    assert setup.upstream.connections == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": "Bearer"},
        {"authorization": "Basic dGVzdDp0ZXN0"},
        {"authorization": "Bearer wrong"},
        {"authorization": "test-key"},
        {"authorization": "Bearer test-ke\u00e9"},
        {"authorization": "Bearer " + "x" * 60_000},
        {"x-internal-auth": "wrong"},
        {"x-internal-auth": "\u00ff\u00e9"},
        {"authorization": "", "x-internal-auth": ""},
    ],
    ids=["none", "empty", "no value", "basic", "wrong", "no scheme", "non-ascii", "huge", "internal wrong", "internal bytes", "both empty"],
)  # fmt: skip
async def test_bad_credentials_are_401_before_the_body_is_looked_at(setup: Setup, headers: dict[str, str]) -> None:
    got, text = status_and_body(await raw_exchange(setup.service.port, post(CHAT, b"not even json", headers)))
    assert got == 401
    assert json.loads(text)["error"]["code"] == "invalid_api_key"
    assert setup.upstream.connections == 0


async def test_a_bearer_scheme_is_case_insensitive_and_a_callers_id_comes_back(setup: Setup) -> None:
    headers = {"authorization": "bearer test-key", "x-request-id": "abc-1"}
    answer = await raw_exchange(setup.service.port, post(CHAT, b"{", headers))
    assert status_and_body(answer)[0] == 400
    assert b"x-request-id: abc-1" in answer


@pytest.mark.parametrize("given", ["a b", "x" * 129, "a;b", "a\u00e9"])
async def test_an_odd_request_id_is_replaced(setup: Setup, given: str) -> None:
    answer = await raw_exchange(setup.service.port, post(CHAT, b"{", {"x-request-id": given}))
    assert given.encode("latin-1") not in answer
    assert b"x-request-id: " in answer


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan", "inf"])
async def test_an_odd_timeout_is_named(setup: Setup, given: str) -> None:
    got, text = status_and_body(
        await raw_exchange(setup.service.port, post(CHAT, chat(), {"x-request-timeout": given}))
    )
    assert (got, json.loads(text)["error"]["param"]) == (400, "x-request-timeout")


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        ("GET /nowhere", 404, "not_found"),
        ("GET /v1/nowhere", 404, "not_found"),
        ("GET /v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE /v1/models", 405, "method_not_allowed"),
        ("POST /health", 405, "method_not_allowed"),
    ],
)
async def test_unknown_ways_in_have_the_same_form(setup: Setup, request_line: str, status: int, code: str) -> None:
    head = f"{request_line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer test-key\r\n\r\n"
    got, text = status_and_body(await raw_exchange(setup.service.port, head.encode()))
    assert (got, json.loads(text)["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "headers", [{f"x-{number}": "y" for number in range(101)}, {"x-large": "y" * 65_536}], ids=["many", "large"]
)
async def test_too_many_or_too_large_headers(setup: Setup, headers: dict[str, str]) -> None:
    got, text = status_and_body(await raw_exchange(setup.service.port, post(CHAT, chat(), headers)))
    assert (got, json.loads(text)["error"]["code"]) == (431, "headers_too_large")
    assert [settled.code for settled in setup.service.observer.settlements] == ["headers_too_large"]


@pytest.mark.parametrize("request_bytes", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"])
async def test_what_is_no_http_has_the_same_form(setup: Setup, request_bytes: bytes) -> None:
    got, text = status_and_body(await raw_exchange(setup.service.port, request_bytes))
    assert (got, json.loads(text)["error"]["code"]) == (400, "invalid_request")


async def test_a_chunked_body_is_bounded_too(setup: Setup) -> None:
    part = b"x" * 50_000
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer test-key\r\ntransfer-encoding: chunked\r\n\r\n"
        + (f"{len(part):x}\r\n".encode() + part + b"\r\n") * 3
        + b"0\r\n\r\n"
    )
    got, text = status_and_body(await raw_exchange(setup.service.port, request))
    assert (got, json.loads(text)["error"]["code"]) == (413, "payload_too_large")


async def test_a_body_that_does_not_come_is_408() -> None:
    async with running_service(client_body_timeout=0.05) as service:
        request = post(CHAT, chat())[:-5]
        got, text = status_and_body(await raw_exchange(service.port, request))
    assert (got, json.loads(text)["error"]["code"]) == (408, "request_timeout")
