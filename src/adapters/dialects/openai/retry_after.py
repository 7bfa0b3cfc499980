"""How long a provider wants us to wait, in the forms that providers use (seen 2026-11; RFC 9110, 10.2.3)."""

import re
import time
from calendar import timegm
from collections.abc import Mapping

_MOST_SECONDS = 86_400.0  # who asks for more means something else
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
_LONGEST_DATE = 40


def retry_after(headers: Mapping[str, str], now: float | None, prefix: str = "") -> float | None:
    """Seconds, at most a day; 0 for a date that is past, None where nothing sane is said. Header names: lower case.

    A date is compared with the answer's own date, which was read from the same clock, or else with `now` (Unix time).
    Gateways hand headers on behind a `prefix`.
    """
    milliseconds = _seconds(headers.get(f"{prefix}retry-after-ms", ""), 1000)
    if milliseconds is not None:
        return milliseconds
    said = headers.get(f"{prefix}retry-after", "")
    seconds = _seconds(said, 1)
    if seconds is not None:
        return seconds
    until = _date(said)
    since = _date(headers.get(f"{prefix}date") or headers.get("date", ""))
    since = now if since is None else since
    if until is None or since is None or until - since > _MOST_SECONDS:
        return None
    return max(0.0, until - since)


def _seconds(text: str, parts: int) -> float | None:
    """A number of parts of a second."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    seconds = float(text) / parts
    return seconds if seconds <= _MOST_SECONDS else None


def _date(text: str) -> float | None:
    """Unix time of a date as HTTP writes it, in its one form of today or its two of old."""
    text = text.strip()
    if len(text) > _LONGEST_DATE:
        return None
    for form in _DATES:
        try:
            return float(timegm(time.strptime(text, form)))
        except ValueError:
            continue
    return None
