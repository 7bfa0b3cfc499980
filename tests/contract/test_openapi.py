"""The OpenAPI document tells the truth, and is rendered without any network."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from entrypoints.http.docs_page import page
from support.running_service import KEY, RunningService, running_service

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "specs" / "openai-openapi.yaml"
HELLO = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
async def service() -> AsyncIterator[RunningService]:
    async with running_service() as running:
        yield running


async def get(service: RunningService, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(service.url + path)


async def test_every_way_in_is_documented_with_its_key_and_body(service: RunningService) -> None:
    document = (await get(service, "/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {
        "/health",
        "/health/live",
        "/health/ready",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/models",
        "/v1/llm/models",
    } <= set(document["paths"])
    assert document["components"]["securitySchemes"]["BearerAuth"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["InternalAuth"]["name"] == "X-Internal-Auth"
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert chat["security"] == [{"BearerAuth": []}, {"InternalAuth": []}]
    assert chat["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/ChatParameters")
    assert {"200", "400", "401", "404", "413", "415", "429", "502", "503", "504"} <= set(chat["responses"])
    assert "security" not in document["paths"]["/health"]["get"]


async def test_a_stream_is_documented_event_by_event_and_streams_fit_it(service: RunningService) -> None:
    document = (await get(service, "/openapi.json")).json()
    answers = document["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert set(answers) == {"application/json", "text/event-stream"}
    assert "text/event-stream" not in json.dumps(document["paths"]["/v1/embeddings"])
    event = answers["text/event-stream"]["schema"]
    end, content = event["properties"]["data"]["anyOf"]
    assert (end["const"], content["contentMediaType"]) == ("[DONE]", "application/json")
    fits = jsonschema.Draft202012Validator({**content["contentSchema"], "components": document["components"]})
    body = {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
    async with httpx.AsyncClient(base_url=service.url, headers={"x-internal-auth": KEY}, trust_env=False) as client:
        for model in ("fake/parallel-tool-calls", "fake/reasoning", "fake/error-mid-stream"):
            streamed = await client.post("/v1/chat/completions", json=body | {"model": model})
            for line in streamed.text.splitlines():
                if line and line != "data: [DONE]":
                    fits.validate(json.loads(line.removeprefix("data: ")))
    assert not fits.is_valid({"object": "chat.completion.chunk"})
    assert not fits.is_valid({"error": {}})


async def test_schemas_have_their_bounds_and_every_reference_leads_somewhere(service: RunningService) -> None:
    document = (await get(service, "/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert '"maximum": 16' in json.dumps(schemas["ChatParameters"]["properties"]["n"])
    for reference in re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in schemas


async def test_the_page_needs_nothing_from_elsewhere(service: RunningService) -> None:
    answer = await get(service, "/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text
    assert not re.search(r"(?:src|href)=['\"](?!/|#)", answer.text)
    document = (await get(service, "/openapi.json")).json()
    for path in document["paths"]:
        assert f"<code>{path}</code>" in answer.text
    for name in document["components"]["schemas"]:
        assert f"id='{name}'" in answer.text


def test_what_a_document_says_cannot_become_markup() -> None:
    document: dict[str, Any] = {
        "info": {"title": "<b>", "version": "1"},
        "paths": {"/<i>": {"get": {"summary": "<script>", "responses": {"200": {"description": "<u>"}}}}},
        "components": {"schemas": {"<x>": {"type": "object", "properties": {"<y>": {"enum": ["<z>"]}}}}},
    }
    for tag in ("<b>", "<i>", "<script>", "<u>", "<x>", "<y>", "<z>"):
        assert tag not in page(document)


def nullable(schema: Any) -> Any:
    """The same schema with OpenAPI 3.0's `nullable` said as JSON Schema says it."""
    if isinstance(schema, list):
        return [nullable(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: nullable(inner) for name, inner in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def published(name: str) -> jsonschema.Draft202012Validator:
    if not PUBLISHED.exists():
        pytest.skip("OpenAI's published document is not on this machine")
    document = nullable(yaml.load(PUBLISHED.read_text(), yaml.CSafeLoader))
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


@pytest.mark.parametrize(
    "model", ["echo", "tool-call", "parallel-tool-calls", "refusal", "length", "content-filter", "empty", "no-usage"]
)
async def test_answers_and_chunks_fit_what_openai_publishes(service: RunningService, model: str) -> None:
    whole, chunk = published("CreateChatCompletionResponse"), published("CreateChatCompletionStreamResponse")
    body = {"model": f"fake/{model}", "messages": HELLO, "tools": [TOOL], "stream_options": {"include_usage": True}}
    async with httpx.AsyncClient(base_url=service.url, headers={"x-internal-auth": KEY}, trust_env=False) as client:
        answer = await client.post("/v1/chat/completions", json=body | {"stream_options": None})
        streamed = await client.post("/v1/chat/completions", json=body | {"stream": True})
    whole.validate(answer.json())
    events = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line]
    assert events.pop() == "[DONE]"
    for event in events:
        chunk.validate(json.loads(event))


async def test_embeddings_and_models_fit_what_openai_publishes(service: RunningService) -> None:
    async with httpx.AsyncClient(base_url=service.url, headers={"x-internal-auth": KEY}, trust_env=False) as client:
        embeddings = await client.post("/v1/embeddings", json={"model": "fake/embedding", "input": "x"})
        models = await client.get("/v1/models")
    published("CreateEmbeddingResponse").validate(embeddings.json())
    published("ListModelsResponse").validate(models.json())
