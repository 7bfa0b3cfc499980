"""Many seeds of one kind, counted: how they ended, what was broken, and the longest time that the loop was held."""

import gc
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from support.fuzz.known import known
from support.fuzz.verdicts import Kind, Seeds, Verdict

LONGEST_STEP_MS = 100.0
_COLLECT_EVERY = 2_000
_TRIES = 3


class Tally(Struct, kw_only=True):
    """What came of so many seeds. Faults by their text: the seeds that show them."""

    n: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)
    known: dict[str, list[int]] = field(default_factory=dict)
    longest_ms: float = 0.0
    longest_seed: int = -1

    def add(self, seed: int, verdict: Verdict) -> None:
        """Count one."""
        self.n += 1
        self.labels[verdict.label] += 1
        for fault in verdict.faults:
            reason = known(fault)
            (self.faults if reason is None else self.known).setdefault(reason or fault, []).append(seed)
        if verdict.step_ms > self.longest_ms:
            self.longest_ms, self.longest_seed = verdict.step_ms, seed


async def campaign(kind: Kind, seeds: Iterable[int], *, watch_time: bool = False) -> Tally:
    """The tally of these seeds.

    The collector runs between seeds only: the rubbish it would find in the middle of one is the campaign's, not the
    service's. With `watch_time` a step over 100 ms is a fault; it is tried again, and counts when it is as long each
    time.
    """
    tally = Tally()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        async with kind() as making:
            for seed in seeds:
                verdict = await making.one(seed)
                if watch_time and verdict.step_ms > LONGEST_STEP_MS:
                    verdict = await _again(making, seed, verdict)
                tally.add(seed, verdict)
                if tally.n % _COLLECT_EVERY == 0:
                    gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return tally


async def _again(making: Seeds, seed: int, first: Verdict) -> Verdict:
    first.step_ms = min([first.step_ms, *[(await making.one(seed)).step_ms for _ in range(_TRIES - 1)]])
    if first.step_ms > LONGEST_STEP_MS:
        first.faults.append(f"STALL: the loop was held for more than {LONGEST_STEP_MS:.0f} ms")
    return first
