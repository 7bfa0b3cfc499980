"""Changes to JSON values and to bytes, all of them drawn from one generator: the same seed gives the same change."""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

DEEP = (70, 400, 990, 3_000, 100_000)
# Raw JSON texts of every type, the odd and the hostile among them.
HOSTILE_JSON = (
    "null", "true", "false", "0", "-1", "1", "1.0", "1.5", "-0", "1e400", "-1e400", "1e-400", "1E5", "9" * 19, "-" + "9" * 19,
    "9" * 400, "9" * 5_000, "2147483648", "1e308", "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10", "-",
    '""', '"x"', '" "', '"stop"', '"assistant"', '"error"', '"[DONE]"', '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\uDC00x"',
    '"\u2028"', '"\u202e"', '"a\\r\\n\\r\\ndata: {}"', '"a\\n\\ndata: [DONE]\\n\\n"', '"' + "x" * 3_000 + '"', "'x'", '"\\x41"', '"\x01"',
    "[]", "{}", "[null]", "[[]]", '[""]', "[1,2]", "[{}]", '{"a":1}', '{"":null}', '{"a":1,"a":2}', "[1,]", "{,}", "[", "}", "nul",
    '{"type":"text"}', '{"type":"function","function":{"name":"f"}}', '[{"index":0}]', '{"message":"boom","code":429}',
)  # fmt: skip
HOSTILE_BYTES = (
    b"\0", b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\xe2\x80\xa8", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf",
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\t", b"\x1b[2J", b"\\u0000", b"\\ud800", b"null", b"NaN", b"1e400", b"-0",
    b"/*x*/", b"//x\n", b"x" * 2_000,
)  # fmt: skip
_TYPES: tuple[Any, ...] = (None, True, False, 0, 1, -1, 7, 10**9, 2**63, -(2**63) - 1, 2**64, 0.5, -2.5, 1e300, 1e-300, "", "x", "stop", [], {}, [None], [[]], {"a": 1}, ["x"], [1], [{}])  # fmt: skip


class RawJson:
    """A text that stands in a document as it is, valid or not."""

    def __init__(self, text: str) -> None:
        self.text = text


def text_of(document: Any, rng: Random) -> str:
    """The document as JSON in one of several hands, with every RawJson put in as it is."""
    raws: list[str] = []

    def put(value: Any) -> str:
        raws.append(value.text)
        return f"\0{len(raws) - 1}\0"

    separators = rng.choice(((",", ":"), (", ", ": "), (" ,", " : ")))
    text = json.dumps(document, default=put, ensure_ascii=rng.random() < 0.3, separators=separators)
    for number, raw in enumerate(raws):
        text = text.replace(f'"\\u0000{number}\\u0000"', raw)
    return text


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a document."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        inside = waiting.pop()
        keys = list(inside) if isinstance(inside, dict) else range(len(inside))
        for key in keys:
            found.append((inside, key))
            if isinstance(inside[key], dict | list):
                waiting.append(inside[key])
    return found


def deep_json(rng: Random) -> str:
    """Lists, objects or both, many levels deep."""
    levels = rng.choices(DEEP, (10, 10, 10, 5, 1))[0]
    before, behind = rng.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
    return before * levels + "1" + behind * levels


def hostile_value(rng: Random) -> Any:
    """A value of any type, sane or not."""
    draw = rng.random()
    if draw < 0.55:
        return deepcopy(rng.choice(_TYPES))
    if draw < 0.97:
        return RawJson(rng.choice(HOSTILE_JSON))
    return RawJson(deep_json(rng))


def _replace(inside: Any, key: Any, rng: Random) -> None:
    inside[key] = hostile_value(rng)


def _remove(inside: Any, key: Any, _rng: Random) -> None:
    del inside[key]


def _wrap(inside: Any, key: Any, rng: Random) -> None:
    inside[key] = [inside[key]] if rng.random() < 0.5 else {"a": inside[key]}


def _twice(inside: Any, key: Any, rng: Random) -> None:
    """A list's item again; a member with another value behind it, under the same name."""
    if isinstance(inside, list):
        inside.insert(key, inside[key])
        return
    first, second = (json.dumps(inside[key], default=lambda raw: raw.text), "null")
    texts = [first, rng.choice((second, first, '"stop"', "1"))]
    rng.shuffle(texts)
    inside[key] = RawJson(f"{texts[0]},{json.dumps(key)}:{texts[1]}")


def _add(inside: Any, key: Any, rng: Random) -> None:
    if isinstance(inside, dict):
        inside[rng.choice(("x", "error", "usage", "index", "id", "name", "", "\u2028", "data"))] = hostile_value(rng)
    else:
        inside.insert(key, hostile_value(rng))


def _exchange(inside: Any, key: Any, rng: Random) -> None:
    other = rng.choice(list(inside)) if isinstance(inside, dict) else rng.randrange(len(inside))
    inside[key], inside[other] = inside[other], inside[key]


_VALUE_CHANGES: tuple[Callable[[Any, Any, Random], None], ...] = (
    _replace, _replace, _replace, _remove, _remove, _wrap, _twice, _add, _add, _exchange,
)  # fmt: skip


def change_value(document: Any, rng: Random) -> None:
    """One change somewhere in a document of lists and objects, in place."""
    found = places(document)
    if found:
        inside, key = rng.choice(found)
        rng.choice(_VALUE_CHANGES)(inside, key, rng)


def change_bytes(text: bytes, rng: Random) -> bytes:
    """One flip, insertion, deletion, repetition or cut, anywhere."""
    at = rng.randrange(len(text) + 1)
    draw = rng.random()
    if draw < 0.25:
        byte = text[at : at + 1]
        return text[:at] + bytes([byte[0] ^ 1 << rng.randrange(8)] if byte else b"") + text[at + 1 :]
    if draw < 0.6:
        return text[:at] + rng.choice(HOSTILE_BYTES) + text[at:]
    length = rng.choice((1, 1, 2, 5, 20, 200))
    if draw < 0.8:
        return text[:at] + text[at + length :]
    if draw < 0.9:
        return text[:at] + text[at : at + length] + text[at:]
    return text[:at]


def pieces_of(text: bytes, rng: Random) -> list[bytes]:
    """The same bytes as the network might bring them: whole, in a few pieces, or byte by byte."""
    draw = rng.random()
    if draw < 0.25:
        return [text]
    if draw < 0.35 and len(text) < 3_000:
        return [text[at : at + 1] for at in range(len(text))]
    edges = sorted(rng.randrange(len(text) + 1) for _ in range(rng.choice((1, 2, 5, 20))))
    return [text[begin:end] for begin, end in zip([0, *edges], [*edges, len(text)], strict=True)]
