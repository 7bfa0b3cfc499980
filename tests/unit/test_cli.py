"""The command line: what it prints, where, and with which exit code."""

import io
import json
from pathlib import Path

import jsonschema
import pytest

from entrypoints.cli.main import main


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, so that nobody's .env is read."""
    monkeypatch.chdir(tmp_path)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"]


def test_chat_streams_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "Hello there"]) == 0
    assert capsys.readouterr().out == "Hello there\n"


def test_chat_reads_standard_input_and_prints_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe"))
    assert main(["chat", "--json", "--model", "fake/echo", "--system", "be brief", "-"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["choices"][0]["message"]["content"] == "from a pipe"


def test_models_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert "fake/echo " in capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    assert "fake/echo" in {model["id"] for model in json.loads(capsys.readouterr().out)["models"]}


def test_check_says_what_would_happen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["mode"], report["warnings"]) == (True, "mock", [])


def test_check_warns_when_the_provider_does_not_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_PROXY__LITELLM_PROXY_URL", "http://127.0.0.1:9")
    assert main(["check"]) == 0
    assert "warning: LiteLLM proxy: The provider cannot be reached." in capsys.readouterr().out


@pytest.mark.parametrize("word", [["check"], ["serve"], ["models"], ["chat", "hi"], ["version"]])
def test_a_bad_setting_is_exit_code_2_and_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, word: list[str]
) -> None:
    monkeypatch.setenv("LLM_PROXY__PROT", "1")
    assert main(word) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "llm-proxy: LLM_PROXY__PROT: there is no such setting. Did you mean LLM_PROXY__PORT?\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chat", "--model", "fake/error-429", "hi"], "rate_limit_exceeded"),
        (["chat", "--model", "fake/ecko", "hi"], "Nearest: "),
        (["chat", "--model", "fake/cut-mid-stream", "hi"], "upstream_truncated"),
        (["chat", "  "], "prompt is empty"),
        (["models", "--url", "http://127.0.0.1:9"], "does not answer"),
    ],
)
def test_a_failure_is_exit_code_1_on_standard_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


def test_a_model_must_be_named_where_there_is_no_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_PROXY__LITELLM_PROXY_URL", "http://127.0.0.1:9")
    assert main(["chat", "hi"]) == 1
    assert "--model" in capsys.readouterr().err


def test_unknown_words_are_exit_code_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2


def test_the_schema_is_one_and_knows_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "LLM_PROXY__PORT" in schema["properties"]
