"""The OpenAPI document as one static page: no script, no network, nothing but what is in the document."""

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
        f"<p>{escape(info.get('description') or '')} <a href='/openapi.json'>OpenAPI document</a></p>",
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


def _keys(document: Json) -> str:
    rows = []
    for name, scheme in document.get("components", {}).get("securitySchemes", {}).items():
        header = scheme.get("name") or "Authorization: Bearer"
        rows.append(f"<li><code>{escape(header)}</code> ({escape(name)})</li>")
    return f"<h2>Keys</h2><p>One of:</p><ul>{''.join(rows)}</ul>" if rows else ""


def _operation(path: str, method: str, operation: Json) -> str:
    return "\n".join(
        [
            f"<h2><span class='method'>{method}</span> <code>{escape(path)}</code></h2>",
            f"<p><strong>{escape(operation.get('summary') or '')}</strong></p>",
            f"<p>{escape(operation.get('description') or '')}</p>",
            f"<pre>{escape(_curl(path, method, operation))}</pre>",
            _body(operation),
            _responses(operation),
        ]
    )


def _curl(path: str, method: str, operation: Json) -> str:
    lines = [f'curl -X {method.upper()} "$LLM_PROXY_URL{path}"']
    if operation.get("security"):
        lines.append('-H "Authorization: Bearer $LLM_PROXY_KEY"')
    if "requestBody" in operation:
        lines.append("-H 'Content-Type: application/json' -d @body.json")
    return " \\\n  ".join(lines)


def _body(operation: Json) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return "".join(f"<h3>Body</h3><p>{_schema(media.get('schema', {}))}</p>" for media in content.values())


def _responses(operation: Json) -> str:
    rows = []
    for status, response in operation.get("responses", {}).items():
        schemas = [_schema(media.get("schema", {})) for media in response.get("content", {}).values()]
        meaning = escape(response.get("description") or "")
        rows.append(f"<tr><td><code>{escape(status)}</code></td><td>{meaning}</td><td>{' '.join(schemas)}</td></tr>")
    return f"<h3>Answers</h3><table>{''.join(rows)}</table>"


def _component(name: str, schema: Json) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{' *' if field in required else ''}</td>"
        f"<td>{_schema(inner)}</td><td>{escape(inner.get('description') or '')}</td></tr>"
        for field, inner in schema.get("properties", {}).items()
    )
    fields = f"<table>{rows}</table>" if rows else f"<p>{_schema(schema)}</p>"
    description = escape(schema.get("description") or "")
    return (
        f"<details id='{escape(name)}' open><summary><code>{escape(name)}</code></summary>"
        f"<p>{description}</p>{fields}</details>"
    )


def _schema(schema: Json) -> str:
    """A schema in a few words, with a link where it is one of the named ones."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(_schema(inner) for inner in schema[word])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_schema(schema.get('items', {}))}"
    words = " or ".join(kind) if isinstance(kind, list) else kind
    return escape(words) + _bounds(schema)


def _bounds(schema: Json) -> str:
    names = {"minimum": "≥ {}", "maximum": "≤ {}", "minLength": "length ≥ {}", "maxLength": "length ≤ {}"}
    told = [form.format(schema[name]) for name, form in names.items() if name in schema]
    return f" ({', '.join(told)})" if told else ""
