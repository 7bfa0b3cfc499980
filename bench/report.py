"""Figures as a table for people and as JSON for programs."""

import json
import os
import platform
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROWS = {
    "request_1": "CPU us a request, 1 connection",
    "request_32": "CPU us a request, 32 connections",
    "request_128": "CPU us a request, 128 connections",
    "burst_event": "CPU us an event, burst",
    "burst_event_litellm": "CPU us an event, burst, as LiteLLM writes",
    "paced_chunk": "CPU us a chunk, 50 streams, 20 ms apart",
    "added_p50": "added ms, p50",
    "added_p95": "added ms, p95",
    "added_p99": "added ms, p99",
    "first_p50": "added ms to the first text, p50",
    "first_p95": "added ms to the first text, p95",
    "first_p99": "added ms to the first text, p99",
    "rss_idle": "RSS MiB, idle",
    "rss_after": "RSS MiB, after load",
    "crowd_rss": "RSS MiB, many streams at once",
    "crowd_stream_kib": "KiB a stream of those",
    "crowd_rss_after": "RSS MiB, when they have gone",
    "crowd_chunk": "CPU us a chunk of those",
    "start": "start to first answer, s",
    "errors": "errors",
}


class Series:
    """Every value of one figure over the rounds."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def summary(self) -> dict[str, float]:
        """Median, least and most."""
        return {
            "median": round(statistics.median(self.values), 3),
            "min": round(min(self.values), 3),
            "max": round(max(self.values), 3),
        }


Results = Mapping[str, Mapping[str, Series]]


def table(results: Results, crowds: Mapping[str, int], limited: Iterable[str]) -> str:
    """A markdown table, a column a peer: median, and least to most where there were several rounds."""
    lines = ["| | " + " | ".join(results) + " |", "|---|" + "--:|" * len(results)]
    for row, title in ROWS.items():
        cells = [_cell(row, figures.get(row)) for figures in results.values()]
        if any(cells):
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append("")
    lines.append("median (least-most) of the rounds; many streams: " + _counts(crowds) + ".")
    slow = sorted(limited)
    lines.append(f"The harness was the limit in: {', '.join(slow)}." if slow else "The harness was never the limit.")
    return "\n".join(lines)


def document(results: Results, crowds: Mapping[str, int], limited: Iterable[str], command: Sequence[str]) -> str:
    """The same and more as JSON."""
    return json.dumps(
        {
            "command": list(command),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()},
            "peers": {
                name: {figure: {**series.summary(), "values": series.values} for figure, series in figures.items()}
                for name, figures in results.items()
            },
            "streams_at_once": dict(crowds),
            "harness_was_the_limit_in": sorted(limited),
        },
        indent=1,
    )


def write(path: Path, text: str) -> None:
    """Keep the JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _counts(crowds: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in crowds.items()) or "not measured"


def _cell(row: str, series: Series | None) -> str:
    if series is None or not series.values:
        return ""
    told = series.summary()
    if row == "errors":
        return f"{sum(series.values):.0f}"
    digits = 2 if row.startswith(("added", "first", "start")) else 1 if told["median"] < 20 else 0
    median = f"{told['median']:.{digits}f}"
    return median if len(series.values) == 1 else f"{median} ({told['min']:.{digits}f}-{told['max']:.{digits}f})"
