"""The error tree is what its picture says; no error carries a secret, an address or a control character."""

import re

import pytest

from domain.model import errors
from domain.model.errors import GatewayError, UpstreamFailed
from domain.model.hygiene import clean_text


def drawn() -> dict[str, str]:
    """Child and parent of every line in the picture, by its depth."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if re.match(r"[│├└ ]*[A-Z]\w+", line)]
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in lines[1:]:
        depth = (len(line) - len(line.lstrip("│├└ "))) // 2
        name = line.lstrip("│├└ ").split()[0]
        if depth == 0:
            path = [name]
            continue
        parents[name] = path[depth - 1]
        path = [*path[:depth], name]
    return parents


def test_the_picture_is_the_tree() -> None:
    real = {
        kind.__name__: kind.__base__.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, GatewayError) and kind is not GatewayError and kind.__base__
    }
    assert drawn() == real


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop",
        "sk-ant-api03-abcdefghij",
        "sk-inval****-key1",
        "gsk_abcdefghijklmnop",
        "xai-abcdefghijklmnop",
        "hf_abcdefghijklmnop",
        "AIzaSyAbcdefghijklmnop",
        "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOiJI.eyJzdWIiOiIx.abc",
    ],
)
def test_what_looks_like_a_key_is_masked(secret: str) -> None:
    error = UpstreamFailed(f"Incorrect API key provided: {secret}. Bearer {secret}")
    for text in (error.message, str(error), repr(error)):
        assert secret not in text
        assert secret[:12] not in text


def test_addresses_and_control_characters_are_taken_out() -> None:
    text = clean_text("see http://10.0.0.5:4000/v1?key=1 now\r\ndata: x\x1b[31m\u2028end")
    assert "10.0.0.5" not in text
    assert text.isprintable()


def test_messages_are_short() -> None:
    assert len(clean_text("word " * 10_000)) <= 500


def test_plain_sentences_are_left_alone() -> None:
    sentence = "This model's maximum context length is 8192 tokens (you asked for 9000)."
    assert clean_text(sentence) == sentence
