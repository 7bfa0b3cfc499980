"""Errors of this dialect, in any of the shapes its speakers use, read into one."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from adapters.dialects.openai.wire import UNDECODABLE, WireFault

_BODY = msgspec.json.Decoder(dict[str, Raw])
_FAULT = msgspec.json.Decoder(WireFault)
_TEXT = msgspec.json.Decoder(str)


def read_fault(body: bytes) -> WireFault | None:
    """The error in a body, None where it holds none that can be read (HTML from a proxy on the way, for instance).

    Known shapes (seen 2026-11): `{"error": {...}}` (OpenAI), `{"error": "text"}` (Ollama, xAI), `{"message": ...}`
    (Mistral, Cohere), `{"detail": "text"}`.
    """
    try:
        fields = _BODY.decode(body)
    except UNDECODABLE:
        return None
    inner = fields.get("error")
    if inner is not None and bytes(inner) != b"null":
        return fault_of(inner)
    for name in ("message", "detail"):
        if name in fields:
            return _flat(fields, name)
    return None


def fault_of(inner: Raw) -> WireFault:
    """The inside of an `error` member: an object or only a text."""
    try:
        return _FAULT.decode(inner)
    except UNDECODABLE:
        pass
    try:
        return WireFault(message=_TEXT.decode(inner))
    except UNDECODABLE:
        return WireFault()


def _flat(fields: Mapping[str, Raw], name: str) -> WireFault | None:
    try:
        return WireFault(message=_TEXT.decode(fields[name]))
    except UNDECODABLE:
        return None
