"""Bodies decoded strictly, once, with the field at fault named in the error."""

import asyncio
import re
from typing import TypeVar

import msgspec
from msgspec import Raw

from domain.model.errors import InvalidRequest
from domain.policies.structure import PIECE, Structure, TooMuchStructure, is_plain, pieces

T = TypeVar("T")
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_TEXT = msgspec.json.Decoder(str)
_PATH = re.compile(r" - at `\$\.?(.*?)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")
_NAME = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_END = re.compile(rb"\s*\{?\s*\}\s*")
_MOST_FIELDS = 10_000


async def members(body: bytes, max_depth: int) -> dict[str, Raw]:
    """The top-level fields of a JSON object, values as text. Raises InvalidRequest.

    Other requests get their turn while a large body is looked at.
    """
    if not is_plain(body, max_depth):
        await _judge_structure(body, max_depth)
    fields = _fields(body)
    if len(fields) > _MOST_FIELDS:
        raise InvalidRequest(f"The body has more than {_MOST_FIELDS} fields.", param="body")
    _refuse_duplicates(body, fields)
    await _others_turn(body)
    return fields


async def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The typed value of a body that `members` has accepted. Raises InvalidRequest with the field in `param`."""
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as error:
        message, field = explain(str(error))
        raise InvalidRequest(message, param=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON.", param="body", code="invalid_json") from error
    await _others_turn(body)
    return value


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


async def _others_turn(body: bytes) -> None:
    if len(body) > PIECE:  # each look at it takes a while
        await asyncio.sleep(0)


async def _judge_structure(body: bytes, max_depth: int) -> None:
    structure = Structure(max_depth)
    try:
        for piece in pieces(body):
            structure.see(piece)
            await asyncio.sleep(0)
    except TooMuchStructure as error:
        code = "json_too_deep" if error.too_deep else "json_too_complex"
        raise InvalidRequest(f"The body is {error}.", param="body", code=code) from error


def _fields(body: bytes) -> dict[str, Raw]:
    try:
        if not body.isascii():
            body.decode()  # strings that nobody reads here are checked too: they travel on
        return _FIELDS.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest("The body must be a JSON object.", param="body") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", param="body", code="invalid_json") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid UTF-8.", param="body", code="invalid_json") from error


def _refuse_duplicates(body: bytes, fields: dict[str, Raw]) -> None:
    """Refuse a name that stands twice: whoever reads the body next may take the other one.

    The decoder keeps the last. In a body without spaces, as most are, the fields kept leave no bytes for others.
    Else the body is walked along: where a value is not the one kept, or goes on behind it, its name comes again.
    """
    if sum(map(len, fields.values())) + sum(map(len, fields)) + 4 * len(fields) + 1 == len(body):
        return
    seen: set[str] = set()
    name, at = "", 0
    while match := _NAME.match(body, at):
        name, at = _TEXT.decode(match[1]), match.end()
        kept = bytes(fields[name])
        if name in seen or not body.startswith(kept, at):
            raise InvalidRequest("This field is there twice.", param=name, code="duplicate_key")
        seen.add(name)
        at += len(kept)
    if not _END.fullmatch(body, at):  # `1`, which is kept, is how `10` begins
        raise InvalidRequest("This field is there twice.", param=name, code="duplicate_key")
