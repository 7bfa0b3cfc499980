"""What a LiteLLM proxy answers, replayed on a real socket: the model's name picks the answer.

The bodies are shaped after our own captures of release 1.109.1 (2026-11-22): finish reasons absent until the last
chunk, tool deltas that repeat their type, an empty chunk after the usage, errors flattened into one message.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

CALL = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 4,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 8},
}
CHUNK = {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1795372605}
ADVICE = "\n\nLiteLLM: model group 'x' failed with the error above and no fallback model group was found for it."


def chunk(model: str, delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, **({"finish_reason": finish} if finish else {})}]
    return b"data: " + json.dumps({**CHUNK, "model": model, "choices": choices, **more}).encode() + b"\n\n"


def stream_of(model: str) -> list[bytes]:
    """The events of a stream for `model`, without [DONE]."""
    begin = [chunk(model, {"role": "assistant", "content": "Hello"}), chunk(model, {"content": " world"})]
    end = [chunk(model, {}, "stop"), chunk(model, None, usage=USAGE | {"cost": 1.35e-05}), chunk(model, None)]
    calls = [
        chunk(model, {"role": "assistant", "content": ""}),
        chunk(
            model,
            {
                "tool_calls": [
                    {"id": "call_a", "type": "function", "index": 0, "function": {"name": "f", "arguments": ""}}
                ]
            },
        ),
        chunk(model, {"tool_calls": [{"type": "function", "index": 0, "function": {"arguments": '{"a":'}}]}),
        chunk(model, {"tool_calls": [{"type": "function", "index": 0, "function": {"arguments": "1}"}}]}),
        chunk(model, {}, "tool_calls"),
        *end[1:],
    ]
    error = {
        "message": "litellm.APIConnectionError: APIConnectionError: OpenAIException - boom",
        "type": "x",
        "param": None,
        "code": "500",
    }
    scripts = {
        "tool-call": calls,
        "no-usage": [*begin, end[0]],
        "cut": begin,
        "error-mid-stream": [*begin, b"data: " + json.dumps({"error": error}).encode() + b"\n\n"],
    }
    return scripts.get(model, begin + end)


def whole_of(model: str) -> dict[str, Any]:
    """A whole answer for `model`."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "Hello world",
        "provider_specific_fields": {"x_vendor": "keepme"},
    }
    finish = "stop"
    if model == "tool-call":
        message, finish = {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"
    answer = {
        "id": "chatcmpl-up",
        "created": 1700000000,
        "model": model,
        "object": "chat.completion",
        "choices": [{"finish_reason": finish, "index": 0, "message": message}],
    }
    return answer if model == "no-usage" else answer | {"usage": USAGE}


def error_of(model: str) -> tuple[int, str, str, dict[str, str]] | None:
    """Status, message, type and headers of an error for `model`."""
    errors: dict[str, tuple[int, str, str, dict[str, str]]] = {
        "error-auth": (401, "Authentication Error, No api key passed in.", "auth_error", {}),
        "error-no-db": (400, "No connected db.", "no_db_connection", {}),
        "error-unknown": (
            400,
            "/chat/completions: Invalid model name passed in model=error-unknown.",
            "invalid_request_error",
            {},
        ),
        "error-rate": (
            429,
            "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached" + ADVICE,
            "throttling_error",
            {"llm_provider-retry-after": "7", "x-ratelimit-remaining-requests": "0"},
        ),
        "error-context": (
            400,
            "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - too long\nmodel=x.",
            "invalid_request_error",
            {},
        ),
        "error-content": (
            400,
            "litellm.ContentPolicyViolationError: litellm.BadRequestError: flagged",
            "invalid_request_error",
            {},
        ),
        "error-bad": (400, "litellm.BadRequestError: OpenAIException - no good", "invalid_request_error", {}),
        "error-500": (
            500,
            "litellm.InternalServerError: InternalServerError: OpenAIException - boom" + ADVICE,
            "internal_server_error",
            {},
        ),
        "error-timeout": (408, "litellm.Timeout: APITimeoutError - Request timed out.", "invalid_request_error", {}),
    }
    return errors.get(model)


class LiteLLMUpstream:
    """Keeps the requests it was sent; `closed` is set whenever a caller has gone."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[bytes] = []
        self.hanging = asyncio.Event()
        self.closed = asyncio.Event()
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                raw = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
                self.heads.append(head)
                await self._answer(head.split()[1].decode(), json.loads(raw) if raw else {}, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()

    async def _answer(
        self, path: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if path != "/v1/chat/completions":
            _json(writer, 200, other(path, body))
            return
        self.bodies.append(body)
        model = body["model"]
        error = error_of(model)
        if model == "hang":
            self.hanging.set()
            await reader.read()
            raise ConnectionError
        if error is not None:
            status, message, kind, headers = error
            _json(
                writer,
                status,
                {"error": {"message": message, "type": kind, "param": None, "code": str(status)}},
                headers,
            )
        elif model == "html":
            _send(writer, 200, "text/html", b"<html>welcome</html>", {})
        elif body.get("stream"):
            await _stream(writer, model)
        else:
            _json(
                writer, 200, whole_of(model), {"x-litellm-call-id": "call-1", "x-litellm-response-cost": "1.35e-05"}
            )
        await writer.drain()


async def _stream(writer: asyncio.StreamWriter, model: str) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-litellm-call-id: call-1\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for event in stream_of(model):
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await writer.drain()
    if model == "cut":
        writer.transport.abort()
        raise ConnectionError
    # [DONE] comes after errors too, and after a stream that was cut further up: it means nothing.
    writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def other(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Embeddings, models and what is known of them."""
    if path == "/v1/embeddings":
        data = [
            {"object": "embedding", "index": index, "embedding": [0.5, -0.25]}
            for index, _ in enumerate(body["input"])
        ]
        return {
            "model": body["model"],
            "object": "list",
            "data": data,
            "usage": {"prompt_tokens": 10, "total_tokens": 10, "completion_tokens": 0},
        }
    if path == "/v1/models":
        return {
            "object": "list",
            "data": [
                {"id": "gpt", "object": "model", "created": 1677610602, "owned_by": "openai", "mode": "chat"},
                {"id": "vectors", "object": "model", "created": 1, "owned_by": "openai", "mode": "embedding"},
            ],
        }
    if path == "/model_group/info":
        return {
            "data": [
                {
                    "model_group": "gpt",
                    "mode": "chat",
                    "supports_function_calling": True,
                    "supports_vision": True,
                    "supports_response_schema": None,
                }
            ]
        }
    return {"status": "healthy"}


def _json(
    writer: asyncio.StreamWriter, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> None:
    _send(writer, status, "application/json", json.dumps(body).encode(), headers or {})


def _send(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
    lines = {"content-type": kind, "content-length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)


@asynccontextmanager
async def litellm_upstream() -> AsyncIterator[LiteLLMUpstream]:
    """One that listens."""
    upstream = LiteLLMUpstream()
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield upstream
