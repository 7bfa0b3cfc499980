"""The error tree is what its picture says; no error carries a secret, an address or a control character."""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.litellm.surface import provenance
from domain.model import errors
from domain.model.errors import GatewayError, InvalidRequest, UpstreamFailed
from domain.model.hygiene import clean_text, hide_ours, remember_secrets
from entrypoints.container import build_container
from entrypoints.settings import Secret, Settings

# No shape gives these away: they are known only because we were told.
OURS = ["Correct.Horse+Battery/Staple=", "0123456789abcdef0123456789abcdef", 'Ünïcödé "quoted" secret']


@pytest.fixture(autouse=True)
def _no_secrets_left_behind() -> Iterator[None]:
    yield
    remember_secrets(())


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


def forms(secret: str) -> list[str]:
    """How a provider may give it back."""
    return [
        secret,
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        quote(secret),
        quote(secret, safe=""),
        re.sub("%..", lambda escape: escape[0].lower(), quote(secret, safe="")),
        *(
            base64.b64encode(f"{before}{secret}{after}".encode()).decode()
            for before in ("", "a", "ab")
            for after in ("", ":z")
        ),
        base64.urlsafe_b64encode(f"user:{secret}".encode()).decode(),
        secret[-8:],
    ]


def pieces(secret: str) -> list[str]:
    """What must not be seen of it, in any of its forms."""
    encoded = base64.b64encode(secret.encode()).decode()
    return [secret[-8:], quote(secret[-8:], safe=""), json.dumps(secret[-8:])[1:-1], encoded[4:16], encoded[-16:-4]]


@pytest.mark.parametrize("secret", OURS)
def test_a_secret_of_ours_is_masked_in_any_form_and_place(secret: str) -> None:
    remember_secrets(OURS)
    for form in forms(secret):
        for text in (form, f"no key {form}, sorry", f"x{form}y", f"{form}{form}"):
            error = InvalidRequest(text, param=text, code=text)
            for shown in (error.message, str(error), error.param or "", error.code):
                assert "[masked]" in shown or shown == "invalid_request", form
                assert [piece for piece in pieces(secret) if piece in shown] == []


@pytest.mark.parametrize("dots", range(260, 310, 3))
def test_a_secret_that_is_cut_by_the_limit_is_not_half_shown(dots: int) -> None:
    long = "0123456789" * 30
    remember_secrets([*OURS, long])
    # Masked, the long ones are short, so that what is behind them comes to stand within the limit.
    shown = clean_text(long * 7 + "." * dots + OURS[0])
    assert "[masked]" in shown
    assert "Cor" not in shown


def test_a_short_secret_is_masked_as_a_word_and_spoils_no_other() -> None:
    remember_secrets(["key", "k", "", "model"])
    assert clean_text("the key k, not keys, a_key or model_not_found") == (
        "the [masked] [masked], not keys, a_key or model_not_found"
    )
    assert UpstreamFailed("", code="model_not_found").code == "model_not_found"
    assert UpstreamFailed("", code="model").code == "upstream_error"


def test_the_end_of_a_secret_that_is_hardly_longer_is_a_word_like_others() -> None:
    remember_secrets(["my-password"])
    assert clean_text("my-password is a bad password") == "[masked] is a bad password"


def test_secrets_are_forgotten_when_there_are_others() -> None:
    remember_secrets(OURS)
    remember_secrets(["another-one"])
    assert hide_ours(OURS[0]) == OURS[0]
    assert hide_ours("another-one") == "[masked]"


@given(st.text(), st.lists(st.text()))
def test_any_text_is_a_secret_that_can_be_remembered(text: str, secrets: list[str]) -> None:
    remember_secrets(secrets)
    cleaned = clean_text(text)
    assert len(cleaned) <= 500
    assert hide_ours("ordinary") in {"ordinary", "[masked]"} or any(secret in "ordinary" for secret in secrets)


def test_a_variable_that_is_no_utf8_is_a_secret_too() -> None:
    secret = "half a character \udc80 in it"
    remember_secrets([secret])
    assert hide_ours(f"<{secret}>") == "<[masked]>"


def test_the_container_tells_every_secret_among_the_settings() -> None:
    build_container(
        Settings(internal_api_key=Secret(f"{OURS[1]}, second-key"), litellm_api_key=Secret("Upstream/Key"))
    )
    for secret in (OURS[1], "second-key", "Upstream/Key"):
        assert clean_text(f"<{secret}>") == "<[masked]>"


def test_headers_of_a_provider_that_hold_a_secret_of_ours_are_masked_or_left_out() -> None:
    remember_secrets(OURS)
    found = provenance("m", {"x-litellm-call-id": OURS[1], "x-ratelimit-limit": f"5;key={quote_plus(OURS[0])}"})
    assert (found.upstream_id, found.rate_limits) == (None, (("x-ratelimit-limit", "5;key=[masked]"),))


@pytest.mark.parametrize("code", ["a b", "x" * 65, "", "é", "a\nb", "<script>", "sk-abcdefghijk", "{}", "a\n"])
def test_a_code_that_is_no_word_for_programs_is_not_taken_over(code: str) -> None:
    assert UpstreamFailed("", code=code).code == "upstream_error"


@pytest.mark.parametrize("code", ["insufficient_quota", "E.1:2-3", "x" * 64])
def test_a_code_that_is_one_is(code: str) -> None:
    assert UpstreamFailed("", code=code).code == code
