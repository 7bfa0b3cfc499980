"""Documents made from the settings struct: .env.example, docs/configuration.md, and the JSON Schema.

`python -m entrypoints.settings_docs` writes the files; with `--check` it says whether they are what it would write.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from entrypoints.settings import Secret, Settings, accepted, variable

_GROUPS = {
    "llm_mode": "Who answers",
    "internal_api_key": "Who may call, and where",
    "log_level": "Log",
    "max_concurrent_requests": "How much, and how long",
    "max_body_bytes": "How large",
}
"""A group's title, by its first field; it goes on until the next begins."""


class _Row(Struct, frozen=True):
    """One setting as the documents show it."""

    name: str
    accepts: str
    default: str
    description: str


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of the settings, by the names of their variables."""
    (_,), components = msgspec.json.schema_components([Settings], schema_hook=_secret_schema)
    schema = dict(components["Settings"])
    properties = schema.get("properties", {})
    schema["properties"] = {variable(name): described for name, described in properties.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "LLM Proxy settings"}


def env_example() -> str:
    """.env.example: every variable, its sentence and its default, commented out."""
    lines = ["# Settings of LLM Proxy. Made from the settings struct by `make env-example`; do not edit by hand."]
    for title, rows in _groups().items():
        lines += ["", "", f"# --- {title} ---"]
        for row in rows:
            lines += ["", f"# {row.description}", f"# {row.name}={row.default}"]
    return "\n".join([*lines, ""])


def configuration_page() -> str:
    """docs/configuration.md: the same as tables."""
    lines = [
        "# Configuration",
        "",
        "Every setting is an environment variable; a `.env` file in the working directory is read, too, and the",
        "environment wins over it. An empty value is no value. An unknown `LLM_PROXY__` variable, a bad value or a",
        "contradiction ends the process with exit code 2 and one line for each problem; `llm-proxy check` says the",
        "same without starting. Made from the settings struct by `make env-example`.",
        "",
    ]
    for title, rows in _groups().items():
        lines += [f"## {title}", "", "| variable | default | may be | what it is |", "|---|---|---|---|"]
        lines += [f"| `{row.name}` | {_code(row.default)} | {row.accepts} | {row.description} |" for row in rows]
        lines.append("")
    lines += [
        "## Traces",
        "",
        "OpenTelemetry is configured by its own variables: spans are made as soon as `OTEL_EXPORTER_OTLP_ENDPOINT`",
        "(or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) is set.",
        "",
    ]
    return "\n".join(lines)


def _groups() -> dict[str, list[_Row]]:
    described = settings_schema()["properties"]
    groups: dict[str, list[_Row]] = {}
    title = ""
    for field in msgspec.structs.fields(Settings):
        title = _GROUPS.get(field.name, title)
        name = variable(field.name)
        default = _default(getattr(Settings(), field.name))
        row = _Row(name, accepted(field.type), default, _description(described[name]))
        groups.setdefault(title, []).append(row)
    return groups


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _description(schema: dict[str, Any]) -> str:
    found: str = schema["description"]
    return found


def _default(value: object) -> str:
    if value is None or value == []:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _secret_schema(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "writeOnly": True}
    raise NotImplementedError(kind)


def main(arguments: list[str]) -> int:
    """Write the files, or check them: 1 when they differ."""
    stale = []
    for path, text in {".env.example": env_example(), "docs/configuration.md": configuration_page()}.items():
        if "--check" in arguments:
            if not Path(path).exists() or Path(path).read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            Path(path).write_text(text, encoding="utf-8")
    for path in stale:
        sys.stderr.write(f"{path} is not what the settings say: run make env-example\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
