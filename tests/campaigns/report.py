"""docs/reliability.md from what ran: `make reliability` runs every test, reads its results, and the campaigns' figures."""

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from campaigns.catalogue import BY_SUITE, CASES, LATER  # noqa: E402 - the folder above is known only now
from campaigns.figures import FIGURES  # noqa: E402 - same

RESULTS = ROOT / "build" / "tests.xml"
PAGE = ROOT / "docs" / "reliability.md"
_ID = re.compile(r"(?<![A-Za-z])([ubchapUBCHAP])[-_](\d\d)(?=[\]_\- ,:]|$)")

_HEAD = """# Reliability

Written by `make reliability` from what it ran on {date}: {passed} tests passed, {failed} failed. The tests in
`tests/faults` run on real sockets between a provider that plays a fault and callers that may do anything. Around each stands the
same check: nothing is left behind (places, tasks, connections, descriptors, files), every request is settled once, and the log line,
the observer and the caller agree on how it ended; a stream's caller has seen exactly one of its two endings.

## Figures

A bound that does not hold is in bold type.

| what | found | n | bound | command |
|---|---|--:|---|---|
"""


def results() -> tuple[dict[str, Counter[str]], Counter[str]]:
    """What became of the tests of each case, and of all."""
    cases: dict[str, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for test in ET.parse(RESULTS).getroot().iter("testcase"):  # noqa: S314 - the file is our own test run's
        kinds = {child.tag for child in test}
        result = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        total[result] += 1
        name = test.get("name", "")
        suite = test.get("classname", "").rpartition(".")[2]
        ids = {f"{letter.upper()}-{number}" for letter, number in _ID.findall(name)}
        if suite in BY_SUITE:
            ids.add(BY_SUITE[suite])
        for each in ids:
            cases[each][result] += 1
    return cases, total


def main() -> int:
    """Write the page; exit code 1 where a case has no test, or one that failed."""
    cases, total = results()
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    date = datetime.now(UTC).date().isoformat()  # noqa: TID251 - the day it ran
    lines = [_HEAD.format(date=date, passed=total["passed"], failed=total["failed"])]
    for campaign in sorted(figures):
        command = figures[campaign]["command"]
        for name, value, n, bound, good in figures[campaign]["figures"]:
            lines.append(f"| {name} | {value if good else f'**{value}**'} | {n} | {bound} | `{command}` |\n")
    lines.append("\nNo failure in n independent trials bounds the rate at about 3/n (95 %).\n\n## Cases\n\n")
    lines.append("| case | what happens | tests | result |\n|---|---|--:|---|\n")
    bad = 0
    for case, what in CASES.items():
        found = cases.get(case, Counter())
        good = found["passed"] > 0 and not found["failed"]
        bad += not good
        lines.append(
            f"| {case} | {what} | {found['passed'] + found['failed']} | {'passed' if good else 'NOT PROVEN'} |\n"
        )
    lines.append("\n## Not yet\n\n")
    lines += [f"- {case}: {why}.\n" for case, why in LATER.items()]
    PAGE.write_text("".join(lines))
    print(f"{len(CASES)} cases, {bad} not proven; {total.total()} tests, {total['failed']} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
