"""The OpenAPI document as one static page: no script, no network, nothing but what is in the document."""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from litestar import MediaType, Request
from litestar.openapi.plugins import OpenAPIRenderPlugin
from typing_extensions import override

Json = Mapping[str, Any]
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
code, pre { font: 0.9em/1.4 ui-monospace, monospace; }
pre { background: #8881; padding: 0.75rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.5rem; border-bottom: 1px solid #8884; }
.method { font-weight: 700; text-transform: uppercase; }
"""
_METHODS = ("get", "post", "put", "patch", "delete")
_SCHEMAS = "#/components/schemas/"


class StaticDocs(OpenAPIRenderPlugin):
    """A Litestar render plugin."""

    def __init__(self, path: str) -> None:
        super().__init__(path=path, media_type=MediaType.HTML)

    @override
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return page(openapi_schema).encode()


def page(document: Json) -> str:
    """The whole page."""
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
        f"<p>{_prose(info)} <a href='/openapi.json'>OpenAPI document</a></p>",
        _keys(document),
        *(_operation(path, method, operation) for path, method, operation in _operations(document)),
        "<h2>Schemas</h2>",
        *(_component(name, schema) for name, schema in sorted(_components(document).items())),
        "</body></html>",
    ]
    return "\n".join(parts)


def _components(document: Json) -> Json:
    schemas: Json = document.get("components", {}).get("schemas", {})
    return schemas


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _prose(described: Json) -> str:
    """A description, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(described.get("description") or ""))


def _keys(document: Json) -> str:
    rows = [
        f"<li><code>{escape(_carrier(scheme))}</code> ({escape(name)}) {_prose(scheme)}</li>"
        for name, scheme in document.get("components", {}).get("securitySchemes", {}).items()
    ]
    return f"<h2>Keys</h2><p>One of:</p><ul>{''.join(rows)}</ul>" if rows else ""


def _carrier(scheme: Json) -> str:
    """Where a key of this scheme stands in a request."""
    if scheme.get("type") == "apiKey":
        return f"{scheme['name']}: <key>"
    return f"Authorization: {str(scheme.get('scheme', 'bearer')).capitalize()} <key>"


def _operation(path: str, method: str, operation: Json) -> str:
    return "\n".join(
        [
            f"<h2><span class='method'>{method}</span> <code>{escape(path)}</code></h2>",
            f"<p><strong>{escape(operation.get('summary') or '')}</strong></p>",
            f"<p>{_prose(operation)}</p>",
            f"<p>{_security(operation)}</p>",
            f"<pre>{escape(_curl(path, method, operation))}</pre>",
            _parameters(operation),
            _body(operation),
            _responses(operation),
        ]
    )


def _security(operation: Json) -> str:
    ways = [" and ".join(escape(name) for name in way) for way in operation.get("security") or ()]
    return f"Key: {' or '.join(ways)}." if ways else "No key needed."


def _curl(path: str, method: str, operation: Json) -> str:
    # A variable of the shell for each part to fill in: curl itself would take braces for a list.
    filled = re.sub(r"\{(\w+)\}", lambda part: f"${part[1].upper()}", path)
    lines = [f'curl -X {method.upper()} "$LLM_PROXY_URL{filled}"']
    if operation.get("security"):
        lines.append('-H "Authorization: Bearer $LLM_PROXY_KEY"')
    if "requestBody" in operation:
        lines.append("-H 'Content-Type: application/json' -d @body.json")
    return " \\\n  ".join(lines)


def _parameters(operation: Json) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(parameter['name'])}</code>{' *' if parameter.get('required') else ''}</td>"
        f"<td>{escape(parameter['in'])}</td><td>{_schema(parameter.get('schema', {}))}</td>"
        f"<td>{_prose(parameter)}</td></tr>"
        for parameter in operation.get("parameters") or ()
    )
    return f"<h3>Parameters</h3><table>{rows}</table>" if rows else ""


def _body(operation: Json) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return "".join(
        f"<h3>Body</h3><p><code>{escape(kind)}</code> {_schema(media.get('schema', {}))}</p>"
        for kind, media in content.items()
    )


def _responses(operation: Json) -> str:
    rows = []
    for status, response in operation.get("responses", {}).items():
        schemas = [_schema(media.get("schema", {})) for media in response.get("content", {}).values()]
        cells = (f"<code>{escape(status)}</code>", _prose(response), " ".join(schemas))
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<h3>Answers</h3><table>{''.join(rows)}</table>"


def _component(name: str, schema: Json) -> str:
    fields = _fields(schema) if schema.get("properties") else f"<p>{_schema(schema)}</p>"
    return (
        f"<details id='{escape(name)}' open><summary><code>{escape(name)}</code></summary>"
        f"<p>{_prose(schema)}</p>{fields}</details>"
    )


def _fields(schema: Json) -> str:
    """An object's fields as a table; the required ones have a star."""
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{' *' if field in required else ''}</td>"
        f"<td>{_schema(inner)}{_default(inner)}</td><td>{_prose(inner)}</td></tr>"
        for field, inner in schema["properties"].items()
    )
    return f"<table>{rows}</table>"


def _default(schema: Json) -> str:
    given = schema.get("default")
    return "" if given is None else f", else <code>{escape(str(given))}</code>"


def _schema(schema: Json) -> str:
    """A schema in a few words: a link where it is one of the named ones, a table of its own where it has fields."""
    if "$ref" in schema:
        return _link(schema["$ref"])
    for word, between in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if word in schema:
            return between.join(_schema(inner) for inner in schema[word])
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    return _typed(schema)


def _link(reference: str) -> str:
    name = escape(reference.removeprefix(_SCHEMAS))
    return f"<a href='#{name}'>{name}</a>" if reference.startswith(_SCHEMAS) else f"<code>{name}</code>"


def _typed(schema: Json) -> str:
    kind = schema.get("type", "anything")
    if schema.get("properties"):
        return f"<details><summary>object</summary>{_fields(schema)}</details>"
    if kind == "array":
        return f"list of {_schema(schema.get('items', {}))}{_bounds(schema)}"
    if kind == "object" and schema.get("additionalProperties"):
        values = schema["additionalProperties"]
        return f"object of {_schema(values)}" if isinstance(values, Mapping) else "object"
    return escape(" or ".join(kind) if isinstance(kind, list) else kind) + _bounds(schema)


def _bounds(schema: Json) -> str:
    forms = {
        "minimum": "≥ {}",
        "exclusiveMinimum": "&gt; {}",
        "maximum": "≤ {}",
        "exclusiveMaximum": "&lt; {}",
        "minLength": "length ≥ {}",
        "maxLength": "length ≤ {}",
        "minItems": "at least {}",
        "maxItems": "at most {}",
        "pattern": "like <code>{}</code>",
    }
    told = [form.format(escape(str(schema[name]))) for name, form in forms.items() if name in schema]
    return f" ({', '.join(told)})" if told else ""
