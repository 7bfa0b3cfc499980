"""The command line: what it prints, where, and with which exit code."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import jsonschema
import pytest

from entrypoints.cli import commands
from entrypoints.cli.main import main
from entrypoints.settings import PREFIX


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and no settings, so that nobody's own are read."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"]


def test_chat_streams_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "Hello there"]) == 0
    assert capsys.readouterr().out == "Hello there\n"


def test_a_refusal_is_shown_like_any_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--model", "fake/refusal", "hi"]) == 0
    assert "cannot help" in capsys.readouterr().out


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


def test_check_tells_who_answers_and_whether_keys_are_set_but_no_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"LITELLM_PROXY_URL": "http://127.0.0.1:9", "LITELLM_API_KEY": "hush-1", "INTERNAL_API_KEY": "hush-2"}
    for name, value in {**given, "HOST": "::1"}.items():
        monkeypatch.setenv(PREFIX + name, value)
    assert main(["check"]) == 0
    told = capsys.readouterr().out
    assert "litellm mode, would listen on http://[::1]:8002\n" in told
    assert "answers come from LiteLLM at http://127.0.0.1:9, with a key\n" in told
    assert "callers need a key\n" in told
    assert main(["check", "--json"]) == 0
    report = json.loads(out := capsys.readouterr().out)
    assert (report["provider_key_is_set"], report["callers_need_a_key"]) == (True, True)
    assert "hush" not in told + out


def test_check_tells_programs_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_PROXY__PORT", "x")
    assert main(["check", "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["problems"][0].startswith("LLM_PROXY__PORT: ")


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
        (["chat", "\udcff"], "must be UTF-8 text"),
        (["chat", "--system", "\udcff", "hi"], "must be UTF-8 text"),
        (["models", "--url", "http://["], "does not answer"),
        (["models", "--url", "http://127.0.0.1:9", "--key", "schlüssel"], "does not answer"),
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


@pytest.mark.parametrize("word", ["serve", "chat", "models", "check", "schema", "version"])
def test_help_says_what_a_word_does_and_shows_examples(capsys: pytest.CaptureFixture[str], word: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([word, "--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert f"examples:\n  llm-proxy {word}" in told


def test_interrupting_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_arguments: object) -> int:
        raise KeyboardInterrupt

    interrupted.__name__ = "version"
    monkeypatch.setattr(commands, "version", interrupted)
    assert main(["version"]) == 130


def test_a_word_that_needs_no_server_loads_none(tmp_path: Path) -> None:
    code = (
        "import sys; from entrypoints.cli.main import main; main(['version']); "
        "print({'litestar', 'uvicorn', 'aiohttp', 'httpx'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("words", [["version"], ["schema"], ["chat", "hi"]])
def test_a_reader_who_has_gone_is_no_failure(tmp_path: Path, words: list[str]) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with ours:
        ran = subprocess.run(
            [sys.executable, "-m", "entrypoints.cli.main", *words],
            cwd=tmp_path,
            env=environ,
            stdout=ours.fileno(),
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_something_else_at_the_address_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = threading.Thread(target=answer_once, args=(listener,))
        other.start()
        try:
            assert main(["models", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}"]) == 1
        finally:
            other.join()
    assert "is no LLM Proxy" in capsys.readouterr().err


def answer_once(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<hi>")
