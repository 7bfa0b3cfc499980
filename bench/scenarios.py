"""What is measured, one function a scenario: drive load at a peer, return figures by their names."""

import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from machine import Running
from peers import KEY
from provider import AROUND

_US = 1e6
_TEXTS = 64
_RATE = 30  # calls a second where latency is measured: far from any queue
_SETTLE_S = 2.0
_BUSY = 0.9

Figures = dict[str, float]
Result = dict[str, Any]


@dataclass
class Pace:
    """How long and how often: `seconds` of load a figure, `turns` of calls for a latency."""

    seconds: float
    turns: int


class Harness:
    """The load generator and the provider of one run, and what they cost themselves."""

    def __init__(self, generator: "subprocess.Popen[str]", provider: Running) -> None:
        self._generator = generator
        self.provider = provider
        self.limited: set[str] = set()

    def drive(self, what: str, target: Running, **job: Any) -> tuple[Result, float]:
        """One job's result and the CPU seconds that the target used for it."""
        assert self._generator.stdin is not None
        assert self._generator.stdout is not None
        before, provided = target.cpu(), self.provider.cpu()
        begin = time.perf_counter()
        self._generator.stdin.write(json.dumps({"port": target.port, "key": KEY, **job}) + "\n")
        self._generator.stdin.flush()
        result = json.loads(self._generator.stdout.readline())
        took = time.perf_counter() - begin
        used = target.cpu() - before
        if used < _BUSY * took < result["cpu"] + self.provider.cpu() - provided:
            self.limited.add(f"{target.name}: {what}")
        return result, used

    def flood(self, target: Running, model: str, connections: int, seconds: float) -> tuple[Result, float]:
        """Callers that ask again at once: the result and CPU us an answer."""
        stream = "stream-" in model
        what = f"{model} x{connections}"
        result, used = self.drive(
            what, target, kind="crowd", model=model, stream=stream, connections=connections, seconds=seconds
        )
        return result, used / max(1, result["answers"]) * _US


def requests(harness: Harness, target: Running, pace: Pace) -> Figures:
    """CPU a request without stream, by the number of callers."""
    figures: Figures = {"errors": 0}
    for connections in (1, 32, 128):
        result, each = harness.flood(target, "whole", connections, pace.seconds)
        figures[f"request_{connections}"] = each
        figures["errors"] += result["errors"]
    return figures


def bursts(harness: Harness, target: Running, pace: Pace) -> Figures:
    """CPU an event of streams that come at once, beyond what the request alone costs; as two providers write them."""
    _, alone = harness.flood(target, "whole", 32, pace.seconds / 2)
    figures: Figures = {"errors": 0}
    for name, model in (("burst_event", f"stream-{_TEXTS}-0"), ("burst_event_litellm", f"litellm-stream-{_TEXTS}-0")):
        result, each = harness.flood(target, model, 32, pace.seconds)
        figures[name] = (each - alone) / (_TEXTS + AROUND)
        figures["errors"] += result["errors"] + _missing(result)
    return figures


def paced(harness: Harness, target: Running, pace: Pace) -> Figures:
    """CPU a chunk of 50 streams of 64 texts 20 ms apart, beyond what the request alone costs."""
    _, alone = harness.flood(target, "whole", 32, pace.seconds / 2)
    rounds = max(1, round(pace.seconds / 1.3))
    result, used = harness.drive(
        "paced", target, kind="crowd", model=f"stream-{_TEXTS}-20", stream=True, connections=50, each=rounds
    )
    each = used / max(1, result["answers"]) * _US
    return {
        "paced_chunk": (each - alone) / (_TEXTS + AROUND),
        "errors": result["errors"] + _missing(result),
    }


def latency(harness: Harness, target: Running, pace: Pace) -> Figures:
    """Milliseconds added to a direct call, and to the time until its first text, in turns with direct calls."""
    figures: Figures = {"errors": 0}
    for name, model, stream in (("added", "whole", False), ("first", "stream-3-4", True)):
        ports = [harness.provider.port, target.port]
        result, _ = harness.drive(
            name, target, kind="in_turns", ports=ports, model=model, stream=stream, rounds=pace.turns, rate=_RATE
        )
        direct, through = result["first" if stream else "total"]
        for percent in (50, 95, 99):
            figures[f"{name}_p{percent}"] = _percentile(through, percent) - _percentile(direct, percent)
        figures[f"direct_{name}_p50"] = _percentile(direct, 50)
        figures["errors"] += result["errors"]
    return figures


def crowd(harness: Harness, target: Running, streams: int) -> Figures:
    """MiB while so many streams are open at once, a stream, and when they have gone."""
    before, peak = target.rss(), 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, target.rss())

    watching = threading.Thread(target=watch)
    watching.start()
    result, used = harness.drive(
        "crowd", target, kind="crowd", model="stream-20-250", stream=True, connections=streams, each=1, ramp=1.0
    )
    ended.set()
    watching.join()
    time.sleep(_SETTLE_S)
    return {
        "crowd_rss": peak,
        "crowd_stream_kib": (peak - before) / streams * 1024,
        "crowd_rss_after": target.rss(),
        "crowd_chunk": used / max(1, result["events"]) * _US,
        "errors": result["errors"] + abs(result["events"] - streams * (20 + AROUND)),
    }


SCENARIOS: dict[str, Callable[[Harness, Running, Pace], Figures]] = {
    "requests": requests,
    "bursts": bursts,
    "paced": paced,
    "latency": latency,
}


def _missing(result: Result) -> float:
    """Events that should have come and did not. LiteLLM adds none and drops none either."""
    return float(abs(result["events"] - result["answers"] * (_TEXTS + AROUND)))


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
