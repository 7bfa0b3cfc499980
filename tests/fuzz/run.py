"""Fuzzing: `run.py --what bodies|sockets|streams|recorded|answers|sse|large|api|all --n 100000 [--seed 0]`.

Prints for each kind how many inputs were tried, how they ended, what was broken and the longest step of the event
loop in CPU milliseconds. Exit code 1 where something new was broken; `--only SEED` repeats one input. `api` is
Schemathesis with so many examples for each operation of our document, `large` a table of single inputs near every
limit and how long each holds the loop; `all` is everything else.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaigns.figures import Figure, at_most, keep, zero
from support.fuzz.answer_seeds import answer_seeds
from support.fuzz.body_seeds import body_seeds
from support.fuzz.campaign import LONGEST_STEP_MS, Tally, campaign
from support.fuzz.large_inputs import measure
from support.fuzz.schemathesis_run import schemathesis
from support.fuzz.socket_seeds import socket_seeds
from support.fuzz.sse_seeds import sse_seeds
from support.fuzz.stream_corpus import recorded
from support.fuzz.stream_seeds import recorded_stream_seeds, stream_seeds
from support.fuzz.verdicts import Kind

KINDS: dict[str, Kind] = {
    "bodies": body_seeds,
    "sockets": socket_seeds,
    "streams": stream_seeds,
    "recorded": recorded_stream_seeds,
    "answers": answer_seeds,
    "sse": sse_seeds,
}
_SHOWN_SEEDS = 5


def show(name: str, tally: Tally, seconds: float) -> None:
    """One kind's figures."""
    broken = sum(len(seeds) for seeds in tally.faults.values())
    known = sum(len(seeds) for seeds in tally.known.values())
    print(f"{name}: {broken:,} new and {known:,} known violations in n = {tally.n:,} inputs, {seconds:.0f} s")
    for label, count in tally.labels.most_common():
        print(f"  {count:>9,}  {label}")
    print(f"  longest step of the loop: {tally.longest_ms:.1f} ms of CPU time, seed {tally.longest_seed}")
    for reason, seeds in tally.known.items():
        print(f"  known, {len(seeds):,} of {tally.n:,}: {reason} (seeds {_first(seeds)})")
    for fault, seeds in sorted(tally.faults.items(), key=lambda row: -len(row[1])):
        print(f"  VIOLATION, {len(seeds):,} of {tally.n:,}: {fault} (--what {name} --only {_first(seeds)})")


def figures(name: str, tally: Tally) -> list[Figure]:
    """The same for the report."""
    found = sum(len(seeds) for seeds in tally.faults.values())
    longest = at_most(f"longest step of the loop, mutated {name}", tally.longest_ms, tally.n, LONGEST_STEP_MS, "ms")
    return [zero(f"violations by mutated {name}", found, tally.n), longest]


def show_api(examples: int) -> int:
    """Schemathesis' own words, and how the service settled. The exit code."""
    outcome = schemathesis(examples)
    print(outcome.output)
    for (operation, ending, code), count in outcome.settled.most_common():
        print(f"  {count:>9,}  {operation} {ending} {code or ''}")
    return 0 if outcome.clean else 1


def show_large() -> int:
    """The table of single inputs. The exit code: 1 where one of them holds the loop for too long."""
    held = asyncio.run(measure())
    for one in held:
        mark = "  OVER" if one.step_ms > LONGEST_STEP_MS else ""
        print(f"{one.size / 1e6:>6.1f} MB  {one.status}  {one.step_ms:>7.0f} ms  {one.name}{mark}")
    return 1 if any(one.step_ms > LONGEST_STEP_MS for one in held) else 0


def _first(seeds: list[int]) -> str:
    return " ".join(str(seed) for seed in seeds[:_SHOWN_SEEDS])


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=[*KINDS, "large", "api", "all"], default="all")
    parser.add_argument("--n", type=int, default=100_000, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--only", type=int, help="this one seed")
    asked = parser.parse_args()
    if asked.what == "large":
        return show_large()
    if asked.what == "api":
        return show_api(asked.n)
    seeds = range(asked.seed, asked.seed + asked.n) if asked.only is None else [asked.only]
    broken = False
    for name in KINDS if asked.what == "all" else [asked.what]:
        if name == "recorded" and not recorded():
            print("recorded: n = 0, the recordings are not at hand")
            continue
        began = time.perf_counter()
        tally = asyncio.run(campaign(KINDS[name], seeds, watch_time=True))
        show(name, tally, time.perf_counter() - began)
        broken = broken or bool(tally.faults)
        keep(f"fuzz {name}", f"make fuzz WHAT={name} N={asked.n}", figures(name, tally))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
