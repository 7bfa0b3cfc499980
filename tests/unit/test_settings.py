"""Settings are read strictly, told apart from typing mistakes, and never show a secret."""

import os
from pathlib import Path

import msgspec
import pytest

from entrypoints.settings import Secret, Settings, SettingsError, load_settings, settings_from_environment


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings({f"LLM_PROXY__{name}": value for name, value in environ.items()}, {})
    return caught.value.problems


def test_nothing_given_means_the_defaults() -> None:
    assert load_settings({"PATH": "x"}, {}) == Settings()


def test_values_become_what_they_mean() -> None:
    settings = load_settings(
        {
            "LLM_PROXY__PORT": "9000",
            "LLM_PROXY__IDLE_TIMEOUT": "0.5",
            "LLM_PROXY__CORS_ORIGINS": "https://a.example, https://b.example",
            "LLM_PROXY__INTERNAL_API_KEY": "one, two",
            "LLM_PROXY__HOST": "0.0.0.0",
        },
        {},
    )
    assert (settings.port, settings.idle_timeout) == (9000, 0.5)
    assert settings.cors_origins == ["https://a.example", "https://b.example"]
    assert settings.internal_api_keys == (Secret("one"), Secret("two"))


def test_the_environment_wins_over_the_file_and_an_empty_value_is_none() -> None:
    file = {"LLM_PROXY__PORT": "1", "LLM_PROXY__HOST": "localhost", "LLM_PROXY__VERSION": None}
    settings = load_settings({"LLM_PROXY__PORT": "2", "LLM_PROXY__DEFAULT_MODEL": ""}, file)
    assert (settings.port, settings.host, settings.default_model) == (2, "localhost", None)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PROT": "1"}, "LLM_PROXY__PROT: there is no such setting. Did you mean LLM_PROXY__PORT?"),
        ({"XYZZY": "1"}, "LLM_PROXY__XYZZY: there is no such setting."),
        ({"port": "1"}, "LLM_PROXY__port: there is no such setting. Did you mean LLM_PROXY__PORT?"),
        ({"PORT": "http"}, "LLM_PROXY__PORT: must be a whole number from 0 to 65535."),
        ({"PORT": "70000"}, "LLM_PROXY__PORT: must be a whole number from 0 to 65535."),
        ({"IDLE_TIMEOUT": "0"}, "LLM_PROXY__IDLE_TIMEOUT: must be a number above 0, at most 86400."),
        ({"IDLE_TIMEOUT": "nan"}, "LLM_PROXY__IDLE_TIMEOUT: must be a number above 0, at most 86400."),
        ({"IDLE_TIMEOUT": "inf"}, "LLM_PROXY__IDLE_TIMEOUT: must be a number above 0, at most 86400."),
        ({"LLM_MODE": "litellm"}, "LLM_PROXY__LITELLM_PROXY_URL: needed when LLM_PROXY__LLM_MODE is litellm."),
        ({"LLM_MODE": "magic"}, "LLM_PROXY__LLM_MODE: must be one of auto, litellm, mock."),
        (
            {"LITELLM_PROXY_URL": "localhost:4000"},
            "LLM_PROXY__LITELLM_PROXY_URL: must begin with http:// or https://.",
        ),
        ({"LITELLM_API_KEY": "hush\nhush"}, "LLM_PROXY__LITELLM_API_KEY: must be visible ASCII without spaces."),
        ({"LITELLM_API_KEY": "hüsh"}, "LLM_PROXY__LITELLM_API_KEY: must be visible ASCII without spaces."),
        ({"INTERNAL_API_KEY": " , "}, "LLM_PROXY__INTERNAL_API_KEY: holds no key, only commas and spaces."),
    ],
)
def test_a_mistake_is_one_clear_line(environ: dict[str, str], said: str) -> None:
    assert problems(**environ) == [said]


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://:4000",
        "http://a:0",
        "http://a:99999",
        "http://[",
        "http://a b",
        "http://a\n",
        "http://a?x=1",
    ],
)
def test_an_address_that_nobody_could_call_is_refused(url: str) -> None:
    assert problems(LITELLM_PROXY_URL=url) == [
        "LLM_PROXY__LITELLM_PROXY_URL: must be an address such as http://localhost:4000, without spaces, ? and #."
    ]


@pytest.mark.parametrize("url", ["http://localhost:4000", "https://a.example/litellm/v1", "http://[::1]:4000"])
def test_an_address_may_have_a_path_and_be_a_number(url: str) -> None:
    assert load_settings({"LLM_PROXY__LITELLM_PROXY_URL": url}, {}).litellm_proxy_url == url


def test_a_password_in_the_address_is_refused_without_quoting_it() -> None:
    (said,) = problems(LITELLM_PROXY_URL="http://me:hush-hush@localhost:4000")
    assert "LLM_PROXY__LITELLM_API_KEY" in said
    assert "hush" not in said


def test_the_file_in_the_working_directory_is_read_and_the_environment_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLM_PROXY__PORT", raising=False)
    (tmp_path / ".env").write_text("LLM_PROXY__PORT=9000\nLLM_PROXY__LOG_LEVEL='debug'\nOTHER=1\n")
    assert settings_from_environment().port == 9000
    assert settings_from_environment({"port": 9001}).port == 9001
    assert settings_from_environment().log_level == "debug"
    assert {"LLM_PROXY__PORT", "LLM_PROXY__LOG_LEVEL", "OTHER"}.isdisjoint(os.environ)


def test_a_file_that_is_no_text_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"\xff=1")
    with pytest.raises(SettingsError, match=r"^\.env: must be UTF-8 text\.$"):
        settings_from_environment()


def test_every_mistake_is_told_at_once() -> None:
    assert len(problems(PORT="x", WORKERS="0", NOPE="1")) == 3


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])
def test_without_a_key_only_loopback_is_allowed(host: str) -> None:
    assert problems(HOST=host)[0].startswith("LLM_PROXY__INTERNAL_API_KEY: needed to listen on")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    assert load_settings({"LLM_PROXY__HOST": host}, {}).host == host


def test_auto_means_litellm_as_soon_as_there_is_an_address() -> None:
    assert load_settings({}, {}).mode == "mock"
    assert load_settings({"LLM_PROXY__LITELLM_PROXY_URL": "http://x"}, {}).mode == "litellm"
    assert (
        load_settings({"LLM_PROXY__LITELLM_PROXY_URL": "http://x", "LLM_PROXY__LLM_MODE": "mock"}, {}).mode == "mock"
    )


def test_a_secret_shows_itself_to_nobody() -> None:
    settings = Settings(internal_api_key=Secret("hush-hush"), litellm_api_key=Secret("also-hush"))
    assert "hush" not in repr(settings)
    assert "hush" not in f"{settings.litellm_api_key}"
    with pytest.raises(TypeError) as caught:
        msgspec.json.encode(settings)
    assert "hush" not in str(caught.value)
    assert "hush" not in str(settings.internal_api_keys)
