"""What our own OpenAPI document says of an answer, checked by a validator that is not ours."""

import json
from typing import Any

import jsonschema_rs

from support.fuzz.in_process import InProcess

_CACHE: list["Published"] = []


class Published:
    """The schemas of the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        components = document["components"]
        self._validators = {
            name: jsonschema_rs.Draft202012Validator(
                {"$ref": f"#/components/schemas/{name}", "components": components}
            )
            for name in ("ChatCompletion", "ChatCompletionChunk", "EmbeddingList", "ErrorEnvelope")
        }

    def misfits(self, name: str, value: Any) -> list[str]:
        """Where `value` does not fit the schema."""
        if self._validators[name].is_valid(value):
            return []
        return [
            "schema: "
            + ".".join(str(step) for step in error.instance_path if isinstance(step, str))
            + f": {error.kind.name}"
            for error in self._validators[name].iter_errors(value)
        ]


async def published(service: InProcess) -> Published:
    """The document of the service, read once."""
    if not _CACHE:
        _CACHE.append(Published(json.loads((await service.ask("/openapi.json", b"", "GET")).body)))
    return _CACHE[0]
