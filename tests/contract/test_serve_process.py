"""`llm-proxy serve` as a process: how it starts, stops and refuses, and the command line against it."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from support.processes import Process, free_port, our_service

COMMAND = [sys.executable, "-m", "entrypoints.cli.main"]
CHAT = {"model": "fake/echo", "messages": [{"role": "user", "content": "hi"}]}


def run(*arguments: str, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, timeout=30, check=False
    )


def stop(process: Process) -> int:
    process.popen.send_signal(signal.SIGTERM)
    return process.popen.wait(10)


def test_it_says_that_answers_are_fake_and_stops_cleanly() -> None:
    with our_service() as process:
        assert httpx.post(f"{process.url}/v1/chat/completions", json=CHAT, trust_env=False).is_success
        assert stop(process) == 0
        told = process.log.read_text()
    assert "Answers are FAKE" in told
    assert "loopback" in told
    assert told.count('"event":"request"') == 1


def test_a_stream_that_runs_when_it_is_told_to_stop_comes_to_its_end() -> None:
    with our_service(drain_timeout="10") as process:
        body = {"model": "fake/pace-20ms", "messages": CHAT["messages"], "stream": True}
        with httpx.stream(
            "POST", f"{process.url}/v1/chat/completions", json=body, trust_env=False, timeout=10
        ) as answer:
            lines = answer.iter_lines()
            next(lines)
            process.popen.send_signal(signal.SIGTERM)
            rest = [line for line in lines if line]
        assert rest[-1] == "data: [DONE]"
        assert process.popen.wait(10) == 0


def test_several_workers_share_the_port_and_stop_cleanly() -> None:
    with our_service(workers="2") as process:
        for _ in range(4):
            assert httpx.get(f"{process.url}/health", trust_env=False).is_success
        assert stop(process) == 0


def test_a_taken_port_is_exit_code_2_and_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port), cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [f"llm-proxy: cannot listen on 127.0.0.1:{port}: Address already in use"]


def test_without_a_key_it_serves_nobody_but_this_machine(tmp_path: Path) -> None:
    result = run("serve", "--host", "0.0.0.0", cwd=tmp_path)
    assert result.returncode == 2
    assert "LLM_PROXY__INTERNAL_API_KEY: needed to listen on 0.0.0.0" in result.stderr


@pytest.mark.parametrize("words", [["chat", "hello"], ["chat", "--json", "hello"], ["models"]])
def test_the_command_line_asks_a_running_service(tmp_path: Path, words: list[str]) -> None:
    with our_service(internal_api_key="k") as process:
        good = run(*words, "--url", process.url, "--key", "k", cwd=tmp_path)
        bad = run(*words, "--url", process.url, "--key", "wrong", cwd=tmp_path)
    assert good.returncode == 0
    assert ("hello" in good.stdout) or ("fake/echo" in good.stdout)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "invalid_api_key" in bad.stderr


def test_a_broken_stream_is_exit_code_1_for_the_command_line(tmp_path: Path) -> None:
    with our_service() as process:
        result = run("chat", "--url", process.url, "--model", "fake/error-mid-stream", "hello there", cwd=tmp_path)
    assert result.returncode == 1
    assert "upstream_error" in result.stderr


def test_a_port_that_nobody_holds_is_said_to_be_that(tmp_path: Path) -> None:
    result = run("models", "--url", f"http://127.0.0.1:{free_port()}", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")


@pytest.mark.parametrize("stream", [True, False])
def test_a_caller_that_leaves_is_no_error_of_the_service(*, stream: bool) -> None:
    with our_service() as process:
        body = {"model": "fake/pace-20ms" if stream else "fake/hang", "messages": CHAT["messages"], "stream": stream}
        with pytest.raises(httpx.ReadTimeout), httpx.Client(trust_env=False, timeout=0.4) as client:
            with client.stream("POST", f"{process.url}/v1/chat/completions", json=body) as answer:
                next(answer.iter_lines())
                raise httpx.ReadTimeout("enough")
        assert stop(process) == 0
        lines = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
    assert [(line["event"], line["level"], line["outcome"]) for line in lines] == [("request", "info", "cancelled")]
