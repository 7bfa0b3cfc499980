"""Documents that are made from code say what the code says."""

from pathlib import Path

import msgspec
import pytest
from dotenv import dotenv_values

from entrypoints.settings import Settings, load_settings, variable
from entrypoints.settings_docs import configuration_page, env_example, main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("path", "text"), [(".env.example", env_example()), ("docs/configuration.md", configuration_page())]
)
def test_settings_are_documented_as_they_are(path: str, text: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == text, "run make env-example"


def test_every_setting_is_in_both_documents_once() -> None:
    for field in msgspec.structs.fields(Settings):
        name = variable(field.name)
        assert env_example().count(f"\n# {name}=") == 1
        assert configuration_page().count(f"\n| `{name}` |") == 1


def test_the_example_with_its_comments_taken_away_means_the_defaults(tmp_path: Path) -> None:
    lines = env_example().splitlines()
    given = [line.removeprefix("# ") for line in lines if line.startswith("# LLM_PROXY__")]
    (tmp_path / ".env").write_text("\n".join(given))
    read = dotenv_values(tmp_path / ".env")
    assert len(read) == len(msgspec.structs.fields(Settings))
    assert load_settings({}, read) == Settings()


def test_a_stale_document_is_named_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / ".env.example").write_text("old")
    assert main(["--check"]) == 1
    told = capsys.readouterr().err
    assert ".env.example" in told
    assert "docs/configuration.md" in told
    assert main([]) == 0
    assert main(["--check"]) == 0
