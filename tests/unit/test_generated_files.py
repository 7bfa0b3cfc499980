"""Documents that are made from code say what the code says."""

from pathlib import Path

import pytest

from entrypoints.settings_docs import configuration_page, env_example

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("path", "text"), [(".env.example", env_example()), ("docs/configuration.md", configuration_page())]
)
def test_settings_are_documented_as_they_are(path: str, text: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == text, "run make env-example"
