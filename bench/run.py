"""What the service costs beside others: CPU of a request, an event and a chunk, added latency, memory, start-up.

`make bench` measures this service against direct calls, `make bench PEERS=litellm,nginx` others in the same run, in
turns. Everything is on loopback; where there are two CPUs the gateway has one to itself. CPU time is the operating
system's, for the gateway's whole process tree. Figures of different runs do not compare: ratios within one do.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import report
from machine import Running, allow_many_files, free_port, pinned, running, shares
from peers import PEERS, Launch
from scenarios import SCENARIOS, Figures, Harness, Pace, crowd

HERE = Path(__file__).parent
QUICK = Pace(seconds=0.3, turns=10)
QUICK_CROWD = 50


def options() -> argparse.Namespace:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--peers", default="", help=f"others to measure, with commas: {', '.join(PEERS)}")
    told.add_argument("--only", default="", help=f"scenarios, with commas: {', '.join([*SCENARIOS, 'crowd'])}")
    told.add_argument("--repeats", type=int, default=5)
    told.add_argument("--seconds", type=float, default=2.0, help="of load for each figure")
    told.add_argument("--turns", type=int, default=200, help="of calls for each latency")
    told.add_argument("--json", type=Path, help="where to write the figures as JSON")
    told.add_argument("--quick", action="store_true", help="only show that it works: the figures mean nothing")
    return told.parse_args()


@contextmanager
def harness(cpus: set[int]) -> Iterator[Harness]:
    """A load generator and a provider, on these CPUs."""
    port = free_port()
    with ExitStack() as stack:
        command = [*pinned(cpus), sys.executable, str(HERE / "provider.py"), str(port)]
        provider = stack.enter_context(running("provider", command, port))
        generator = subprocess.Popen(
            [*pinned(cpus), sys.executable, str(HERE / "load.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(generator.wait)
        stack.callback(generator.terminate)
        yield Harness(generator, provider)


@contextmanager
def started(name: str, provider: Running, cpus: set[int]) -> Iterator[tuple[Launch, Running]]:
    """A peer that serves."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        launch = PEERS[name](port, provider.port, Path(folder))
        with running(name, [*pinned(cpus), *launch.command], port, launch.environ) as process:
            yield launch, process


class Run:
    """One run: peers side by side, the scenarios over them in turns."""

    def __init__(self, driver: Harness, chosen: list[str]) -> None:
        self._driver = driver
        self._chosen = chosen
        self.results: dict[str, dict[str, report.Series]] = defaultdict(lambda: defaultdict(report.Series))
        self.crowds: dict[str, int] = {}

    def warm_up(self, name: str, target: Running) -> None:
        """The first requests pay for what is done once; then the process is as it stays."""
        self._note(name, {"start": target.start})
        self._driver.flood(target, "whole", 1, 0.2)
        self._note(name, {"rss_idle": target.rss()})
        for model in ("whole", "stream-64-0"):
            self._driver.flood(target, model, 32, 0.5)

    def round(self, name: str, target: Running, pace: Pace) -> None:
        """Every chosen scenario once."""
        for scenario, measure in SCENARIOS.items():
            if not self._chosen or scenario in self._chosen:
                self._note(name, measure(self._driver, target, pace))
                print(f"  {name}: {scenario}", file=sys.stderr)

    def finish(self, name: str, target: Running, streams: int) -> None:
        """Memory: after the load, and with many streams at once."""
        self._note(name, {"rss_after": target.rss()})
        if not self._chosen or "crowd" in self._chosen:
            self.crowds[name] = streams
            self._note(name, crowd(self._driver, target, streams))

    def _note(self, name: str, figures: Figures) -> None:
        for figure, value in figures.items():
            self.results[name][figure].values.append(value)


def main() -> None:
    told = options()
    allow_many_files()
    names = ["ours", *(name for name in told.peers.split(",") if name and name != "ours")]
    if unknown := [name for name in names if name not in PEERS]:
        raise SystemExit(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    pace, repeats = (QUICK, 1) if told.quick else (Pace(told.seconds, told.turns), told.repeats)
    gateway, others = shares()
    with harness(others) as driver, ExitStack() as stack:
        run = Run(driver, [name for name in told.only.split(",") if name])
        peers = {name: stack.enter_context(started(name, driver.provider, gateway)) for name in names}
        for name, (_, process) in peers.items():
            run.warm_up(name, process)
        for _ in range(repeats):
            for name, (_, process) in peers.items():
                run.round(name, process, pace)
        for name, (launch, process) in peers.items():
            run.finish(name, process, QUICK_CROWD if told.quick else launch.crowd)
        print(report.table(run.results, run.crowds, driver.limited))
        if told.json is not None:
            report.write(told.json, report.document(run.results, run.crowds, driver.limited, sys.argv[1:]))


if __name__ == "__main__":
    main()
