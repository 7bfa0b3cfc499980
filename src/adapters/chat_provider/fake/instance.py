"""A smallest value that a JSON Schema allows: what the fake provider fills structured answers and tool calls with.

Knows the keywords that tool and answer schemas are usually written with; `pattern`, `not`, `if` and `uniqueItems`
are ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from adapters.chat_provider.fake.bounds import number_in
from domain.model.chat import Maybe
from domain.model.errors import InvalidRequest

_Schema = dict[str, Any]
_TEXT = "text"
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
# What a schema without a `type` is about, by the keywords in it.
_IMPLIED = {
    "properties": "object",
    "required": "object",
    "items": "array",
    "prefixItems": "array",
    "minItems": "array",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
}
_COMBINING = ("enum", "$ref", "allOf", "anyOf", "oneOf")
_MOST_WORK = 50_000  # values made and properties looked at: references can double a value's size at each step
_DEEPEST = 60


class _NoValue(Exception):
    """Nothing fits the schema, or nothing that ends."""


class _TooMuch(Exception):
    """Something may fit, but it is too large to be made up."""


def instance(schema: Mapping[str, Raw] | Maybe, param: str) -> Any:
    """A smallest value that fits, an empty object where there is no schema.

    Raises InvalidRequest, naming `param`, where none can be made up.
    """
    if not isinstance(schema, Mapping) or not schema:
        return {}
    try:
        root = msgspec.json.decode(msgspec.json.encode(schema))
        return _Maker(root).make(root)
    except (_NoValue, _TooMuch, msgspec.DecodeError, ValueError, OverflowError) as error:
        raise InvalidRequest(
            "The fake provider cannot make up a value that fits this JSON Schema.", param=param
        ) from error


class _Maker:
    """Makes values for one root schema, within a bound on the work."""

    def __init__(self, root: _Schema) -> None:
        self._root = root
        self._left = _MOST_WORK
        # A smallest value never needs a reference inside itself; where one comes up, another way must be found.
        self._open: set[str] = set()

    def make(self, schema: Any, depth: int = 0) -> Any:
        self._spend(1)
        if schema is True or schema == {}:
            return _TEXT
        if not isinstance(schema, dict) or depth > _DEEPEST:
            raise _NoValue
        if "const" in schema:
            return schema["const"]
        keyword = next((keyword for keyword in _COMBINING if keyword in schema), None)
        return self._typed(schema, depth) if keyword is None else self._combined(schema, keyword, depth)

    def _combined(self, schema: _Schema, keyword: str, depth: int) -> Any:
        base = {key: value for key, value in schema.items() if key != keyword}
        if keyword == "$ref":
            return self._referred(base, schema[keyword], depth)
        parts = _items(schema[keyword])
        if keyword == "allOf":
            for part in parts:
                base = self._merged(base, part)
            return self.make(base, depth + 1)
        for part in parts:
            try:
                return part if keyword == "enum" else self.make(self._merged(base, part), depth + 1)
            except _NoValue:
                continue
        raise _NoValue

    def _referred(self, base: _Schema, pointer: Any, depth: int) -> Any:
        if not isinstance(pointer, str) or pointer in self._open:
            raise _NoValue
        self._open.add(pointer)
        try:
            return self.make(self._merged(base, self._target(pointer)), depth + 1)
        finally:
            self._open.discard(pointer)

    def _typed(self, schema: _Schema, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0] if kind else None
        if kind is None:
            kind = next((_IMPLIED[key] for key in schema if key in _IMPLIED), "string")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if not isinstance(kind, str) or kind not in _LEAVES:
            raise _NoValue
        return _LEAVES[kind](schema)

    def _object(self, schema: _Schema, depth: int) -> dict[str, Any]:
        known = _members(schema.get("properties"))
        others = schema.get("additionalProperties", True)
        names = [name for name in _items(schema.get("required")) if isinstance(name, str)]
        return {name: self.make(known.get(name, others), depth + 1) for name in names}

    def _array(self, schema: _Schema, depth: int) -> list[Any]:
        first = _items(schema.get("prefixItems"))
        length = _size(schema, "minItems")
        self._spend(length)
        rest = [schema.get("items", True)] * max(0, length - len(first))
        return [self.make(item, depth + 1) for item in [*first[:length], *rest]]

    def _merged(self, base: _Schema, other: Any) -> Any:
        """Both schemas in one, as far as one value can be made for both."""
        if not isinstance(other, dict):
            return base if other is True else other
        whole = {**base, **other}
        properties = _members(base.get("properties")) | _members(other.get("properties"))
        required = [*_items(base.get("required")), *_items(other.get("required"))]
        self._spend(len(properties) + len(required))
        if properties:
            whole["properties"] = properties
        if required:
            whole["required"] = required
        return whole

    def _target(self, pointer: str) -> Any:
        here: Any = self._root
        if not pointer.startswith("#"):
            raise _NoValue  # nothing is fetched
        for step in unquote(pointer[1:]).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(here, dict) or name not in here:
                raise _NoValue
            here = here[name]
        return here

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise _TooMuch


def _string(schema: _Schema) -> str:
    made_up = _FORMATS.get(str(schema.get("format")))
    if made_up is not None:
        return made_up
    shortest = _size(schema, "minLength")
    if shortest > _MOST_WORK:
        raise _TooMuch
    return _TEXT[: _size(schema, "maxLength", len(_TEXT))].ljust(shortest, "x")


def _number(schema: _Schema) -> float:
    value = number_in(schema, whole=False)
    if value is None:
        raise _NoValue
    return int(value) if value.denominator == 1 else float(value)


def _integer(schema: _Schema) -> int:
    value = number_in(schema, whole=True)
    if value is None:
        raise _NoValue
    return int(value)


_LEAVES: dict[str, Callable[[_Schema], Any]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": lambda _schema: True,
    "null": lambda _schema: None,
}


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _size(schema: _Schema, keyword: str, otherwise: int = 0) -> int:
    value = schema.get(keyword)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise
