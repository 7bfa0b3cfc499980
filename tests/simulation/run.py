"""Many seeds of the simulation, one summary line, and exit code 1 where an invariant did not hold.

python tests/simulation/run.py --seeds 1000 [--first 0] [--minutes 5] [--trace]
"""

import argparse
import gc
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaigns.figures import keep, zero
from support.simulation.report import Sum, run_seed, told

_MOST_SHOWN = 5


def main() -> int:
    """Run them."""
    parser = argparse.ArgumentParser(description="Deterministic simulation of the whole service.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no more seeds after so long")
    parser.add_argument("--trace", action="store_true", help="show all that happened")
    given = parser.parse_args()
    total, began = Sum(outcomes=Counter(), faults=Counter()), time.perf_counter()
    gc.freeze()
    for seed in range(given.first, given.first + given.seeds):
        if time.perf_counter() - began > given.minutes * 60:
            break
        played, violations = run_seed(seed)
        total.add(played, violations)
        if given.trace or (violations and total.failing <= _MOST_SHOWN):
            print(told(played, violations, whole=given.trace))
        elif violations:
            print(f"seed {seed}: {', '.join(sorted({violation.invariant for violation in violations}))}")
    print(f"{total.line}, in {time.perf_counter() - began:.0f} s")
    figures = [zero("simulated seeds with a violated invariant", total.failing, total.seeds)]
    keep("simulate", f"make simulate N={given.seeds}", figures)
    return 1 if total.failing else 0


if __name__ == "__main__":
    sys.exit(main())
