"""A real LiteLLM proxy between our service and a scripted provider."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from support.processes import Process, free_port, our_service, running
from support.scripted_openai import ScriptedOpenAI, scripted_openai

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-litellm" / "bin" / "python"
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
        str(HERE / "proxy-config.yaml"),
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


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedOpenAI]:
    with scripted_openai() as running_upstream:
        yield running_upstream


@pytest.fixture(scope="session")
def litellm(upstream: ScriptedOpenAI) -> Iterator[Process]:
    with litellm_process(upstream) as process:
        yield process


@pytest.fixture(scope="session")
def service(litellm: Process) -> Iterator[Process]:
    with our_service(litellm_proxy_url=litellm.url, litellm_api_key=MASTER_KEY, internal_api_key=OUR_KEY) as process:
        yield process


@pytest.fixture
def client(service: Process) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key=OUR_KEY, max_retries=0) as made:
        yield made
