"""Bodies decoded strictly, once, with the field at fault named in the error."""

import re
from typing import TypeVar

import msgspec
from msgspec import Raw

from domain.model.errors import InvalidRequest

T = TypeVar("T")
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_PATH = re.compile(r" - at `\$\.?(.*?)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_PAIRS = re.compile(rb"\[\]|\{\}")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def members(body: bytes, max_depth: int) -> dict[str, Raw]:
    """The top-level fields of a JSON object, values as text. Raises InvalidRequest."""
    _refuse_depth(body, max_depth)
    try:
        if not body.isascii():
            body.decode()  # strings that nobody reads here are checked too: they travel on
        return _FIELDS.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest("The body must be a JSON object.", param="body") from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", param="body", code="invalid_json") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid UTF-8.", param="body", code="invalid_json") from error


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The typed value of a body that `members` has accepted. Raises InvalidRequest with the field in `param`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message, field = explain(str(error))
        raise InvalidRequest(message, param=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON.", param="body", code="invalid_json") from error


def explain(text: str) -> tuple[str, str]:
    """A message of msgspec's as a sentence, and the field it is about: `messages[0].content`."""
    at = _PATH.search(text)
    path = at.group(1) if at else ""
    message = text[: at.start()] if at else text
    missing = _MISSING.search(message)
    if missing:
        path = f"{path}.{missing.group(1)}" if path else missing.group(1)
        return f"Missing required field '{path}'.", path
    message = message.replace("`", "'")
    return (f"{message} at '{path}'." if path else f"{message}."), path or "body"


def _refuse_depth(body: bytes, max_depth: int) -> None:
    """Refuse what is nested deeper than `max_depth`, in time linear in the body and before anything recurses.

    Most bodies have fewer brackets than levels are allowed, and are done with that count. For the others only the
    brackets outside strings are kept, and innermost pairs are taken away until none are left: each turn is one level.
    """
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return
    too_long_a_run = re.compile(rb"[\[{]{%d}" % (max_depth + 1))
    brackets = _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS)
    for _ in range(max_depth):
        if not brackets or too_long_a_run.search(brackets):
            break
        shorter = _PAIRS.sub(b"", brackets)
        if len(shorter) == len(brackets):
            return  # nothing matches up: that is for the decoder to say
        brackets = shorter
    if brackets:
        raise InvalidRequest(
            f"The body is nested deeper than {max_depth} levels.", param="body", code="json_too_deep"
        )
