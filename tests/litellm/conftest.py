"""A real LiteLLM proxy between our service and a scripted provider."""

from collections.abc import Iterator

import openai
import pytest

from support.litellm_process import MASTER_KEY, OUR_KEY, litellm_process
from support.processes import Process, our_service
from support.scripted_openai import ScriptedOpenAI, scripted_openai


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> Iterator[None]:
    """All of this is on this machine; a proxy that the shell names must not come between."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "127.0.0.1")
        environment.setenv("no_proxy", "127.0.0.1")
        yield


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
