"""The same words against a running service."""

import json
import sys
from typing import Any

import httpx

from domain.model.errors import GatewayError, UpstreamTruncated, UpstreamUnreachable

_TIMEOUT = httpx.Timeout(600.0, connect=5.0)


def chat(url: str, key: str | None, body: dict[str, object], *, as_json: bool) -> int:
    """Stream an answer to standard output, or print it as JSON when it is whole."""
    try:
        with _client(url, key) as client:
            if as_json:
                answer = client.post("/v1/chat/completions", json=body)
                _refuse(answer)
                print(json.dumps(_document(answer, "choices"), indent=2, ensure_ascii=False))
                return 0
            with client.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as streamed:
                _show(streamed)
    except httpx.HTTPError as error:
        raise UpstreamUnreachable("The service does not answer at this address.") from error
    return 0


def models(url: str, key: str | None) -> list[dict[str, Any]]:
    """The models with what they can do."""
    try:
        with _client(url, key) as client:
            answer = client.get("/v1/llm/models")
            _refuse(answer)
            found: list[dict[str, Any]] = _document(answer, "models")["models"]
            return found
    except httpx.HTTPError as error:
        raise UpstreamUnreachable("The service does not answer at this address.") from error


def _client(url: str, key: str | None) -> httpx.Client:
    # Bytes, as they were typed: a key need not be ASCII, and httpx would refuse such a text.
    bearer = b"" if key is None else b"Bearer " + key.encode("utf-8", "surrogateescape")
    headers = {b"authorization": bearer} if bearer else {}
    root = url.rstrip("/").removesuffix("/v1")
    return httpx.Client(base_url=root, headers=headers, timeout=_TIMEOUT, trust_env=False)


def _show(streamed: httpx.Response) -> None:
    if streamed.status_code != httpx.codes.OK:
        streamed.read()
        _refuse(streamed)
    for line in streamed.iter_lines():  # our own stream: one line of data an event
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            print()
            return
        if line.startswith("data: "):
            _show_chunk(json.loads(data))
    raise UpstreamTruncated("The answer stopped before it was finished.")


def _show_chunk(chunk: dict[str, Any]) -> None:
    if "error" in chunk:
        print(file=sys.stderr)
        raise GatewayError(chunk["error"]["message"], code=chunk["error"]["code"])
    for choice in chunk["choices"]:
        if choice["index"] == 0:
            delta = choice["delta"]
            sys.stdout.write((delta.get("content") or "") + (delta.get("refusal") or ""))
            sys.stdout.flush()


def _document(answer: httpx.Response, field: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = answer.json()
        found[field]
    except (ValueError, KeyError, TypeError) as unreadable:
        raise GatewayError("What answers at this address is no LLM Proxy.") from unreadable
    return found


def _refuse(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        error = answer.json()["error"]
        raise GatewayError(error["message"], code=error["code"])
    except (ValueError, KeyError, TypeError) as unreadable:
        raise GatewayError(f"The service answered with status {answer.status_code}.") from unreadable
