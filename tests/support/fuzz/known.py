"""Faults that are known and not mended yet, by the text of the finding. Each has its row in tests/fuzz/test_regressions.py.

A row there is expected to fail, strictly: whoever mends one is told to take it out here, too.
"""

import re

KNOWN: dict[str, str] = {}


def known(fault: str) -> str | None:
    """The reason why this fault is known; None for news."""
    return next((reason for pattern, reason in KNOWN.items() if re.fullmatch(pattern, fault)), None)
