"""The container and its composition, as far as they can be judged without a Docker engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import fields
from typing_extensions import override

from entrypoints.settings import Settings, variable

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
DOCKERFILE = ROOT / "Dockerfile"
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*$")
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
# From outside, and without a default that would be a secret itself: `${NAME}`, `${NAME:?why}` or `${NAME:-}`.
FROM_OUTSIDE = re.compile(r"\$\{\w+(:\?[^}]+|:-)?\}")


class UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is an error."""

    @override
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(names) == len(set(names)), names
        return super().construct_mapping(node, deep)


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text(), UniqueKeys)  # noqa: S506 - a SafeLoader
    return loaded


SERVICES: dict[str, dict[str, Any]] = load(COMPOSE)["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_checked_and_inside(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.match(service["image"]), service["image"]
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert "internal" in service["networks"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_down(name: str) -> None:
    for variable_name, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(variable_name):
            assert FROM_OUTSIDE.fullmatch(value), variable_name


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("${A:?say}", True),
        ("${A:-}", True),
        ("${A}", True),
        ("${A:-sk-1}", False),
        ("${A:?}", False),
        ("sk-1", False),
    ],
)
def test_a_default_counts_as_a_secret_that_is_written_down(value: str, *, allowed: bool) -> None:
    assert bool(FROM_OUTSIDE.fullmatch(value)) is allowed


def test_nothing_starts_without_the_keys_between_callers_us_and_the_proxy() -> None:
    ours, proxy = (SERVICES[name]["environment"] for name in ("llm-proxy", "litellm"))
    for value in (
        ours["LLM_PROXY__INTERNAL_API_KEY"],
        ours["LLM_PROXY__LITELLM_API_KEY"],
        proxy["LITELLM_MASTER_KEY"],
    ):
        assert ":?" in value


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("a: {b: 1, b: 2}\n")
    with pytest.raises(AssertionError):
        load(tmp_path / "twice.yaml")


def test_only_our_service_is_published_and_only_on_loopback() -> None:
    assert {name: service.get("ports") for name, service in SERVICES.items() if service.get("ports")} == {
        "llm-proxy": ["127.0.0.1:8002:8002"]
    }


def test_the_internal_network_is_internal_and_ollama_is_a_choice() -> None:
    assert load(COMPOSE)["networks"]["internal"] == {"internal": True}
    assert SERVICES["ollama"]["profiles"] == ["ollama"]


def test_our_service_is_locked_down_and_gets_time_to_drain() -> None:
    ours = SERVICES["llm-proxy"]
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert ours["security_opt"] == ["no-new-privileges:true"]
    assert int(ours["stop_grace_period"].removesuffix("s")) > Settings().drain_timeout


def test_every_setting_that_is_named_exists() -> None:
    known = {variable(field.name) for field in fields(Settings)}
    for path in (COMPOSE, DOCKERFILE, ROOT / "README.md", ROOT / "deploy" / "README.md"):
        named = set(re.findall(r"LLM_PROXY__[A-Z_]+[A-Z]", path.read_text()))
        assert named <= known, path


def test_volumes_that_are_used_are_declared() -> None:
    declared = set(load(COMPOSE)["volumes"])
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == declared


def test_the_sample_configuration_of_litellm_leaves_retries_to_us_and_stops_with_its_caller() -> None:
    sample = load(ROOT / "deploy" / "litellm-config.yaml")
    assert sample["router_settings"]["num_retries"] == 0
    assert sample["general_settings"]["cancel_on_disconnect"] is True
    assert sample["litellm_settings"]["telemetry"] is False
    keys = [row["litellm_params"].get("api_key") for row in sample["model_list"]]
    assert all(key.startswith("os.environ/") for key in [*keys, sample["general_settings"]["master_key"]] if key)


def test_the_image_is_pinned_and_does_not_run_as_root() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(images) == 2
    assert all(PINNED.match(image) for image in images)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert "PYTHONDONTWRITEBYTECODE" not in DOCKERFILE.read_text()  # bytecode is made when the image is


def test_hadolint_has_nothing_to_say() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    result = subprocess.run([linter, "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
