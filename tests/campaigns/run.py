"""Campaigns: `python tests/campaigns/run.py cuts --n 1000`. Every zero has its n beside it; exit code 1 on a broken bound."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from campaigns import aborts, cuts, departures, memory, rolling, soak  # noqa: E402 - the folder above is known only now
from campaigns.figures import keep  # noqa: E402 - same

CAMPAIGNS = {
    "cuts": (cuts.run, 1000),
    "aborts": (aborts.run, 10_000),
    "departures": (departures.run, 2100),
    "memory": (memory.run, 1),
    "rolling": (rolling.run, 50),
    "soak": (soak.run, 10),
}


def main() -> int:
    """Run one campaign and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("campaign", choices=CAMPAIGNS)
    parser.add_argument("--n", type=int, help="trials; minutes of a soak")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    run, usual = CAMPAIGNS[given.campaign]
    n = given.n or usual
    began = time.perf_counter()
    figures = asyncio.run(run(n, given.seed))
    for figure in figures:
        print(figure.line)
    print(f"{given.campaign}: {time.perf_counter() - began:.0f} s, seed {given.seed}")
    command = f"make soak N={n}" if given.campaign == "soak" else f"make campaign WHAT={given.campaign} N={n}"
    keep(given.campaign, command, figures)
    return 0 if all(figure.good for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
