"""What the service writes for its operator may find nobody who takes it: callers do not notice, and it still stops."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from support.processes import Process, free_port, running

CHAT = {"model": "fake/echo", "messages": [{"role": "user", "content": "hi"}]}
SERVE = "os.execv(sys.executable, [sys.executable, '-m', 'entrypoints.cli.main', 'serve'])"
# The process holds the other end itself, so that it is neither read nor closed.
UNREAD = "reader, writer = os.pipe(); os.set_inheritable(reader, True); os.dup2(writer, 1)"
OUTPUTS = {
    "a pipe that nobody reads": UNREAD,
    "a full disk": "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)",
    "a pipe whose reader has gone": "reader, writer = os.pipe(); os.dup2(writer, 1)",
}


@contextmanager
def service_with_output(prepare: str, **environ: str) -> Iterator[Process]:
    """`llm-proxy serve` in a process that has run `prepare` first."""
    port = free_port()
    command = [sys.executable, "-c", f"import os, sys; {prepare}; {SERVE}"]
    with running(command, port, "/health", 15, LLM_PROXY__PORT=str(port), **environ) as process:
        yield process


def answered(process: Process, count: int) -> int:
    """How many of so many requests are answered."""
    with httpx.Client(base_url=process.url, trust_env=False, timeout=10) as client:
        return sum(client.post("/v1/chat/completions", json=CHAT).status_code == 200 for _ in range(count))


def stop(process: Process) -> int:
    """The exit code; OpenTelemetry alone would take half a minute to stop."""
    process.popen.send_signal(signal.SIGTERM)
    return process.popen.wait(12)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("form", ["json", "console"])
def test_standard_output_that_takes_nothing_costs_no_answer(output: str, form: str) -> None:
    with service_with_output(OUTPUTS[output], LLM_PROXY__LOG_FORMAT=form) as process:
        assert answered(process, 500) == 500
        assert stop(process) == 0
        assert "Traceback" not in process.log.read_text()


def test_two_thousand_requests_are_answered_over_a_pipe_that_nobody_reads() -> None:
    with service_with_output(UNREAD) as process:
        assert answered(process, 2000) == 2000
        assert stop(process) == 0


def test_a_collector_that_never_answers_costs_no_answer_and_no_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        address = f"http://127.0.0.1:{collector.getsockname()[1]}"
        with service_with_output("pass", OTEL_EXPORTER_OTLP_ENDPOINT=address) as process:
            assert answered(process, 2000) == 2000  # more than one batch of spans
            assert stop(process) == 0
