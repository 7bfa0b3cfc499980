"""Values made up for JSON Schemas, judged by the jsonschema package."""

from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from adapters.chat_provider.fake import words
from adapters.chat_provider.fake.instance import instance
from domain.model.errors import InvalidRequest


def made(schema: dict[str, Any]) -> Any:
    return instance({key: Raw(msgspec.json.encode(value)) for key, value in schema.items()}, "tools")


def needs(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


NODE = needs(name={"type": "string"}, next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]})
SCHEMAS: dict[str, dict[str, Any]] = {
    "every type": needs(
        a={"type": "string"}, b={"type": "number"}, c={"type": "integer"}, d={"type": "boolean"}, e={"type": "null"}
    ),
    "nested": needs(outer=needs(inner=needs(leaf={"type": "string"}))),
    "optional only": {"type": "object", "properties": {"a": {"type": "string"}}},
    "enum and const": needs(a={"enum": ["x", "y"]}, b={"const": 7}, c={"type": "string", "enum": ["only"]}),
    "null first": needs(a={"type": ["null", "string"]}, b={"anyOf": [{"type": "null"}, {"type": "integer"}]}),
    "lengths": needs(a={"type": "string", "minLength": 9}, b={"type": "string", "maxLength": 2}),
    "arrays": needs(
        a={"type": "array", "items": {"type": "integer"}, "minItems": 3},
        b={"type": "array", "items": {"type": "string"}},
        c={"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2},
        d={"type": "array", "minItems": 1},
    ),
    "numbers": needs(
        a={"type": "integer", "minimum": 5, "multipleOf": 4},
        b={"type": "integer", "exclusiveMinimum": 5},
        c={"type": "integer", "maximum": -3},
        d={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        e={"type": "number", "minimum": 0.5, "maximum": 0.5},
        f={"type": "integer", "exclusiveMaximum": 0},
    ),
    "formats": needs(
        **{
            name.replace("-", "_"): {"type": "string", "format": name}
            for name in ("date-time", "date", "time", "email", "uuid", "ipv4", "ipv6", "uri", "unknown")
        }
    ),
    "reference": {**needs(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "integer", "minimum": 2}}},
    "old reference": {**needs(a={"$ref": "#/definitions/A~1B%20C"}), "definitions": {"A/B C": {"const": 1}}},
    "list that ends": {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    "tree": {**needs(children={"type": "array", "items": {"$ref": "#"}})},
    "all of": {"allOf": [needs(a={"type": "string"}) | {"additionalProperties": True}, {"required": ["b"]}]},
    "one of beside properties": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "described reference": {
        **needs(a={"$ref": "#/$defs/A", "description": "which"}),
        "$defs": {"A": {"enum": ["red", "green"]}},
    },
    "values of a map": {"type": "object", "required": ["k"], "additionalProperties": {"type": "integer"}},
    "no types": {"required": ["a"], "properties": {"a": {"minItems": 1, "items": {"minimum": 3}}, "b": {}}},
    "anything": needs(a={}, b=True),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_made_fits_the_schema(name: str) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=checker).validate(made(SCHEMAS[name]))


def test_a_list_is_no_longer_than_it_must_be() -> None:
    assert made(SCHEMAS["list that ends"]) == {"name": "text", "next": None}
    assert made(SCHEMAS["optional only"]) == made({}) == {}


def doubling(levels: int) -> dict[str, Any]:
    """A schema whose smallest value has 2 ** levels leaves."""
    steps = {
        f"L{level}": needs(a={"$ref": f"#/$defs/L{level + 1}"}, b={"$ref": f"#/$defs/L{level + 1}"})
        for level in range(levels)
    }
    return {"$ref": "#/$defs/L0", "$defs": {**steps, f"L{levels}": {"type": "null"}}}


def chain(levels: int) -> dict[str, Any]:
    steps = {f"L{level}": {"$ref": f"#/$defs/L{level + 1}"} for level in range(levels)}
    return {"$ref": "#/$defs/L0", "$defs": {**steps, f"L{levels}": {"type": "null"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/Missing"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": 7},
        {"$ref": "#/$defs/Node", "$defs": {"Node": needs(next={"$ref": "#/$defs/Node"})}},
        needs(a=False),
        needs(a={"enum": []}),
        needs(a={"anyOf": "nothing"}),
        needs(a={"type": "unheard-of"}),
        needs(a={"type": {"deep": 1}}),
        needs(a={"type": "integer", "minimum": 1.2, "maximum": 1.8}),
        needs(a={"type": "number", "minimum": 2, "maximum": 1}),
        needs(a={"type": "array", "minItems": 10**9, "items": {}}),
        needs(a={"type": "string", "minLength": 10**9}),
        doubling(40),
        chain(2000),
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_what_cannot_be_made_is_refused_soon_and_by_name(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        made(schema)
    assert caught.value.param == "tools"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": 5, "required": "a"},
        {"type": "object", "required": [1, None]},
        {"type": "array", "prefixItems": {}, "minItems": True},
        {"type": "integer", "minimum": "1", "exclusiveMinimum": True, "multipleOf": 0},
        {"type": "string", "format": {"a": 1}, "minLength": -1, "maxLength": 1.5},
        {"type": []},
    ],
    ids=str,
)
def test_nonsense_in_a_schema_is_ignored(schema: dict[str, Any]) -> None:
    made(schema)


@given(st.text(alphabet=st.sampled_from("ab \n\t\u00a0é🙂")), st.integers(0, 5))
@settings(deadline=None, database=None)
def test_words_make_up_the_text(text: str, most: int) -> None:
    pieces = list(words.pieces(text))
    assert "".join(pieces) == text
    assert words.count(text) == len(text.split())
    kept = words.first_words(text, most)
    assert text.startswith(kept)
    assert words.count(kept) == min(most, words.count(text))
