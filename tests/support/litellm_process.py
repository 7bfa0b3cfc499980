"""A real LiteLLM proxy, in the virtual environment that `make test-litellm` makes for it or LITELLM_PYTHON names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.processes import Process, free_port, running
from support.scripted_openai import ScriptedOpenAI

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("LITELLM_PYTHON") or ROOT / ".venv-litellm" / "bin" / "python")
CONFIG = ROOT / "tests" / "litellm" / "proxy-config.yaml"
MASTER_KEY = "sk-test-master"
OUR_KEY = "our-key"


@contextmanager
def litellm_process(upstream: ScriptedOpenAI) -> Iterator[Process]:
    """A LiteLLM proxy by the suite's configuration."""
    if not PYTHON.exists():
        reason = "run `make test-litellm`: it installs LiteLLM into a virtual environment of its own"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    port = free_port()
    program = PYTHON.parent / "litellm"
    command = [
        str(PYTHON),
        str(program),
        "--config",
        str(CONFIG),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environ = {
        "SCRIPTED_URL": upstream.url,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
    }
    with running(command, port, "/health/liveliness", 90, **environ) as process:
        yield process
