"""How long to wait, in every form that providers have been seen to use, and in some that mean nothing."""

import pytest

from adapters.dialects.litellm.errors import error_from
from adapters.dialects.openai.retry_after import retry_after
from domain.model.errors import UpstreamRateLimited

NOW = 1_795_000_000.0  # Wed, 18 Nov 2026 11:06:40 GMT
DATES = {
    "today's form": "Wed, 18 Nov 2026 11:07:10 GMT",
    "RFC 850": "Wednesday, 18-Nov-26 11:07:10 GMT",
    "asctime": "Wed Nov 18 11:07:10 2026",
}


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("0.25", 0.25),
        ("86400", 86_400.0),
        ("", None),
        ("-5", None),
        ("-0.5", None),
        ("+5", None),
        ("1e9", None),
        ("1e3", None),
        ("86401", None),
        ("86400 days", None),
        ("999999999999", None),
        ("9" * 100_000, None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("soon", None),
        ("7s", None),
        ("7, 8", None),
        ("1_0", None),
        ("\u0667", None),
        ("0x7", None),
        ("\u00b2", None),
    ],
)
def test_seconds(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": said}, NOW) == seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1500", 1.5),
        ("0", 0.0),
        ("0.5", 0.0005),
        ("86400000", 86_400.0),
        ("86400001", None),
        ("-1", None),
        ("x", None),
    ],
)
def test_milliseconds(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after-ms": said}, NOW) == seconds


@pytest.mark.parametrize("date", DATES.values(), ids=DATES)
def test_dates_are_compared_with_now(date: str) -> None:
    assert retry_after({"retry-after": date}, NOW) == 30.0
    assert retry_after({"retry-after": date}, NOW + 31.0) == 0.0
    assert retry_after({"retry-after": date}, NOW - 86_400.0) is None
    assert retry_after({"retry-after": date}, None) is None


def test_a_date_is_compared_with_the_answers_own_before_ours() -> None:
    headers = {"retry-after": DATES["asctime"], "date": "Wed, 18 Nov 2026 11:07:00 GMT"}
    assert retry_after(headers, NOW) == retry_after(headers, None) == retry_after(headers, 0.0) == 10.0
    assert retry_after({**headers, "date": "nonsense"}, NOW) == 30.0


@pytest.mark.parametrize(
    "date",
    [
        "Wed, 18 Nov 2026 11:07:10",
        "Wed, 18 Nov 2026 11:07:10 CET",
        "Wed, 18 Nov 2026 11:07:10 +0000",
        "18 Nov 2026 11:07:10 GMT",
        "2026-11-18T11:07:10Z",
        "Wed, 31 Feb 2026 11:07:10 GMT",
        "Wed, 18 Nov 2026 25:07:10 GMT",
        "Wed, 18 Nov 2026 11:07:10 GMT" + " " * 10_000 + "x",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Wed, " * 20_000,
    ],
)
def test_what_is_no_date_of_http_or_too_far_is_absent(date: str) -> None:
    assert retry_after({"retry-after": date}, NOW) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"llm_provider-retry-after": "7"}, 7.0),
        ({"llm_provider-retry-after-ms": "700"}, 0.7),
        ({"llm_provider-retry-after": DATES["RFC 850"]}, 30.0),
        ({"llm_provider-retry-after": DATES["asctime"], "llm_provider-date": "Wed, 18 Nov 2026 11:07:08 GMT"}, 2.0),
        ({"retry-after": "1.5", "llm_provider-retry-after": "7"}, 1.5),
        ({"retry-after": "-5", "llm_provider-retry-after": "7"}, 7.0),
        ({"retry-after": "0", "llm_provider-retry-after": "7"}, 0.0),
    ],
)
def test_litellm_hides_the_providers_word_behind_a_prefix(headers: dict[str, str], seconds: float | None) -> None:
    error = error_from(429, headers, b"", NOW)
    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after == seconds
