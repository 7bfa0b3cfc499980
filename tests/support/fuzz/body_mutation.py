"""Request bodies that went wrong in some way, and some that only look so."""

import json
import string
from copy import deepcopy
from random import Random
from typing import Any

from msgspec import Struct

from support.fuzz.body_corpus import CHATS, EMBEDDINGS
from support.fuzz.mutation import RawJson, change_bytes, change_value, hostile_value, text_of
from support.fuzz.verdicts import generator

FIELDS = tuple(sorted({name for document in (*CHATS.values(), *EMBEDDINGS.values()) for name in document}))
_NAMES = (
    "api_base", "api_key", "num_retries", "timeout", "mock_response", "fallbacks", "_x", "aws_x", "constructor", "__proto__", "model\u0000", "MODEL",
    "messages ", "x" * 5_000, "\ud800", "\u202e", "a.b", "[0]", "$",
)  # fmt: skip
# Sizes that a caller may send, and that would show what is not linear.
_BIG = (10_000, 100_000, 1_000_000)
_RARELY = 0.002


class Body(Struct, frozen=True):
    """A body for `path`. `valid`: only changed in ways that must not matter."""

    path: str
    text: bytes
    valid: bool


def make_body(seed: int, chat_model: str = "m", embedding_model: str = "e") -> Body:
    """The body of a seed, for these models where it names one."""
    rng = generator(seed)
    path, corpus, model = rng.choice(
        (
            *((("/v1/chat/completions", CHATS, chat_model),) * 3),
            ("/v1/embeddings", EMBEDDINGS, embedding_model),
        )
    )
    document = deepcopy(corpus[rng.choice(list(corpus))])
    if "model" in document:
        document["model"] = model
    draw = rng.random()
    if draw < 0.12:
        return Body(path, _harmless(document, rng), valid=True)
    text = _big(document, rng) if draw < 0.12 + _RARELY else _broken(document, rng)
    return Body(path, text, valid=False)


def _broken(document: dict[str, Any], rng: Random) -> bytes:
    """Up to four changes, of values or of bytes."""
    levels = [rng.random() for _ in range(rng.choices((1, 2, 3, 4), (9, 5, 3, 2))[0])]
    for level in levels:
        if level < 0.45:
            change_value(document, rng)
        elif level < 0.6:
            _change_field(document, rng)
    text = text_of(document, rng).encode("utf-8", "surrogatepass")
    for level in levels:
        if level >= 0.6:
            text = change_bytes(text, rng)
    return text


def _change_field(document: dict[str, Any], rng: Random) -> None:
    """A documented field with any value, or a field with any name."""
    name = rng.choice(FIELDS) if rng.random() < 0.7 else rng.choice(_NAMES)
    if name in document and rng.random() < 0.3:  # the same name twice
        first = json.dumps(document[name], default=lambda raw: raw.text)
        document[name] = RawJson(f"{first},{json.dumps(name)}:{first}")
        return
    document[name] = hostile_value(rng)


def _harmless(document: dict[str, Any], rng: Random) -> bytes:
    """Another order, another hand, other unknown fields: the same request."""
    members = list(document.items())
    rng.shuffle(members)
    document = dict(members)
    for number in range(rng.randrange(4)):
        document[f"x_{number}"] = rng.choice(
            (
                None,
                True,
                "\u2028\u0000\x85",
                RawJson("1E400"),
                RawJson("-0"),
                RawJson("1" * 3_000),
                [],
                {},
                [[{}]],
                {"a": {"a": []}},
                "x" * 3_000,
            )
        )
    text = text_of(document, rng)
    if rng.random() < 0.3:
        text = rng.choice(" \t\r\n") * rng.randrange(9) + text + "\n"
    return text.encode()


def _big(document: dict[str, Any], rng: Random) -> bytes:
    """One large thing in a place where somebody looks, or where nobody does."""
    size = rng.choices(_BIG, (4, 4, 1))[0]
    many = size // 10
    value = rng.choice(
        (
            "x" * size, "[" * size, '"' * size, "\\" * size, "\u00fc" * size, RawJson("[" + "1," * many + "1]"), RawJson("9" * size),
            RawJson("{" + ",".join(f'"k{number}":1' for number in range(many)) + "}"), RawJson("[" + "{}," * many + "{}]"),
            RawJson("[" * 60 + "1" + "]" * 60), RawJson('"' + "\\u00e9" * many + '"'), RawJson("[" + '{"a":[{"b":[]}]},' * (many // 2) + "1]"),
            [{"role": "user", "content": "x"}] * many, ["x"] * many, [{"type": "function", "function": {"name": "f"}}] * 600,
            {letter * 40: 1 for letter in string.ascii_letters}, RawJson("[" * size), RawJson('{"a":' * many), RawJson(" " * size + "1"),
            RawJson('["' + '\\"[' * many + '"]'),
        )
    )  # fmt: skip
    document[rng.choice((*FIELDS, "x"))] = value
    return text_of(document, rng).encode("utf-8", "surrogatepass")
