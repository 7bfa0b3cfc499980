"""Lines of everybody else: in the same form, each one line whatever is in it, without secrets and what errors say."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from adapters.observer.logs import configure_logging
from domain.model.hygiene import remember_secrets

SECRET = "An0nymous-canary/42="


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    remember_secrets(())


def said(message: object, *arguments: object, form: str = "json", logger: str = "uvicorn", **more: Any) -> list[str]:
    """The lines that a warning of somebody else's becomes."""
    written: list[bytes] = []
    configure_logging("info", form, written.append)
    logging.getLogger(logger).warning(message, *arguments, **more)
    return b"".join(written).decode().split("\n")[:-1]


def test_other_peoples_lines_have_the_same_form() -> None:
    written: list[bytes] = []
    configure_logging("info", "json", written.append)
    logging.getLogger("uvicorn").info("not told")
    logging.getLogger("uvicorn").warning("told")
    structlog.get_logger().warning("told too")
    assert [json.loads(line)["event"] for line in written] == ["told", "told too"]


HOSTILE = [
    'x\n{"level":"info"}',
    "x\x1b[31m\x07\x08",
    "x\u2028y\u2029\x85z",
    "x\r\ny\x00\x7f",
    "\u202e" + "z" * 1_000_000,
    "half a character: \udc80",
    "\U000e0001 and \u00e4\u4e2d, which are none",
]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_hostile_text_in_somebody_elses_line_stays_in_one_short_printable_line(form: str, text: str) -> None:
    for lines in (
        said(text, form=form),
        said("%s is at %r", text, [text], form=form),
        said({"a": [text]}, form=form),
    ):
        (line,) = lines
        assert line.isprintable()
        assert len(line) < 50_000
        if form == "json":
            assert json.loads(line)["level"] == "warning"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except ValueError as caught:
        return caught


@pytest.mark.parametrize("form", ["json", "console"])
def test_of_an_error_its_type_and_place_are_told_but_not_what_it_says(form: str) -> None:
    error = raised(ValueError("the" + " prompt"))
    (line,) = said("it went wrong", exc_info=error, stack_info=True, form=form)
    assert "ValueError" in line
    assert "in raised" in line
    assert "the prompt" not in line


def test_asyncios_objects_which_show_errors_are_not_told() -> None:
    (line,) = said(
        "Task exception was never retrieved\nfuture: <Task exception=ValueError('the prompt')>", logger="asyncio"
    )
    assert json.loads(line)["event"] == "Task exception was never retrieved"


def test_a_line_that_cannot_be_made_is_told_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = said("%d tokens", "the prompt")
    assert json.loads(line)["logger"] == "uvicorn"
    assert "prompt" not in line + "".join(capsys.readouterr())


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_of_ours_is_in_a_line(form: str) -> None:
    remember_secrets([SECRET, "weak"])
    lines = [*said("refused: %s", SECRET, form=form), *said({"header": [SECRET[-8:], "weak"]}, form=form)]
    assert len(lines) == 2
    for line in lines:
        assert SECRET[-8:] not in line
        assert "weak" not in line
        assert "[masked]" in line
