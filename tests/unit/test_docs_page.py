"""The documentation page says all that the document says, and is nothing but text."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Annotated, Any

import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, Reference, SecurityScheme
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.testing import TestClient
from typing_extensions import override

from entrypoints.http.docs_page import StaticDocs, page

OBJECT = {"type": "object", "required": ["at"], "properties": {"at": {"type": "integer", "exclusiveMinimum": 0}}}


class Wheel(msgspec.Struct):
    """It turns."""

    inches: Annotated[int, msgspec.Meta(ge=12, le=29, description="Across, in `inches`.")] = 26


class Bicycle(msgspec.Struct):
    wheels: list[Wheel]
    name: str | None = None


@get("/bicycles/{number:int}", summary="Find <one>", security=[{"Bearer": []}, {"Header": []}])
async def find(number: FromPath[int], colour: FromQuery[str] = "red") -> Bicycle:
    return Bicycle(wheels=[Wheel()] * number, name=colour)


@post("/bicycles", summary="Add one")
async def add(data: JSONBody[Bicycle]) -> Bicycle:
    return data


@pytest.fixture(scope="module")
def app() -> Litestar:
    schemes: dict[str, SecurityScheme | Reference] = {
        "Bearer": SecurityScheme(type="http", scheme="bearer", description="The usual way."),
        "Header": SecurityScheme(type="apiKey", name="X-Key", security_scheme_in="header"),
    }
    config = OpenAPIConfig(
        title="A & B",
        version="1<2",
        path="/docs",
        render_plugins=[StaticDocs(path="/")],
        components=Components(security_schemes=schemes),
    )
    return Litestar([find, add], openapi_config=config)


@pytest.fixture(scope="module")
def html(app: Litestar) -> str:
    with TestClient(app) as client:
        answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


@dataclass
class Markup:
    opened: list[str]
    ids: set[str]
    links: list[str]


class Reader(HTMLParser):
    """Reads a page, and insists that every element that is opened is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Markup([], set(), [])
        self.names: set[str] = set()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag != "meta":
            self.found.opened.append(tag)
        for name, value in attrs:
            if name == "id":
                self.found.ids.add(value or "")
            if name in {"href", "src"}:
                self.found.links.append(value or "")

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.found.opened.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.found.opened == []
    return reader


def shown(schema: dict[str, Any]) -> str:
    """The page of a document with this one schema, from where its schemas begin."""
    whole = page(
        {
            "info": {"title": "t", "version": "1"},
            "paths": {},
            "components": {"schemas": {"It": {"properties": {"field": schema}}}},
        }
    )
    read(whole)
    return whole.partition("<h2>Schemas</h2>")[2]


def test_it_is_well_formed_and_asks_nobody_for_anything(html: str) -> None:
    reader = read(html)
    assert reader.names.isdisjoint({"script", "link", "img", "iframe"})
    assert "://" not in html
    assert all(link.startswith(("#", "/")) for link in reader.found.links)


def test_every_operation_and_schema_is_there_and_every_link_leads_to_one(app: Litestar, html: str) -> None:
    document = app.openapi_schema.to_schema()
    for path in document["paths"]:
        assert f"<code>{path}</code>" in html
    found = read(html).found
    assert set(document["components"]["schemas"]) == found.ids == {"Bicycle", "Wheel"}
    assert {link[1:] for link in found.links if link.startswith("#")} == found.ids


def test_text_is_text(html: str) -> None:
    assert "<h1>A &amp; B 1&lt;2</h1>" in html
    assert "<strong>Find &lt;one&gt;</strong>" in html


def test_keys_are_told_for_the_whole_and_for_each_operation(html: str) -> None:
    assert "<code>Authorization: Bearer &lt;key&gt;</code> (Bearer) The usual way." in html
    assert "<code>X-Key: &lt;key&gt;</code> (Header)" in html
    assert html.count("Key: Bearer or Header.") == 1
    assert html.count("No key needed.") == 1


def test_an_operation_has_an_example_its_parameters_its_body_and_its_answers(html: str) -> None:
    assert "curl -X GET &quot;$LLM_PROXY_URL/bicycles/$NUMBER&quot;" in html
    assert "Authorization: Bearer $LLM_PROXY_KEY" in html
    assert "<td><code>number</code> *</td><td>path</td><td>integer</td>" in html
    assert "<td><code>colour</code></td><td>query</td><td>string</td>" in html
    assert "<h3>Body</h3><p><code>application/json</code> <a href='#Bicycle'>Bicycle</a></p>" in html
    assert re.search(r"<td><code>201</code></td><td>[^<]+</td>", html)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, "anything"),
        ({"type": "string", "minLength": 1, "pattern": "^<"}, "string (length ≥ 1, like <code>^&lt;</code>)"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": "array", "items": {"type": "number"}, "maxItems": 3}, "list of number (at most 3)"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "object of boolean"),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({"enum": ["a", "<b>"]}, "<code>a</code> or <code>&lt;b&gt;</code>"),
        ({"const": 1}, "<code>1</code>"),
        ({"type": "integer", "default": 0}, "integer, else <code>0</code>"),
        ({"allOf": [{"$ref": "#/components/schemas/It"}, {"type": "object"}]}, "<a href='#It'>It</a> and object"),
        ({"anyOf": [{"$ref": "elsewhere.json"}, {"type": "null"}]}, "<code>elsewhere.json</code> or null"),
        ({"description": "`code` & text"}, "<td><code>code</code> &amp; text</td>"),
        (OBJECT, "<details><summary>object</summary><table><tr><td><code>at</code> *</td><td>integer (&gt; 0)"),
    ],
)
def test_a_schema_is_told_in_a_few_words(schema: dict[str, Any], said: str) -> None:
    assert said in shown(schema)
