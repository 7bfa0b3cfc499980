"""The whole service in virtual time: whatever callers, network and provider do, the promises hold.

`python tests/simulation/run.py` runs as many seeds as there is time for; here are the first.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from support.simulation import broken_parts as broken
from support.simulation.faults import FAULTS, faults_for
from support.simulation.line import Weather
from support.simulation.loop import chance
from support.simulation.network import Dialling
from support.simulation.oracle import judge
from support.simulation.report import run_seed, told
from support.simulation.scene import CallerPlan, How, Kind, Leaving, Scene, good_ask, scene
from support.simulation.service import Prepare
from support.simulation.world import play

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 60
APART_S = 200.0
CALM = Weather(least=0.001, most=0.002)


def one_by_one(kind: Kind, plans: Sequence[tuple[str, Leaving | None]]) -> Scene:
    """A caller each, with a fault and a leaving, over a calm network, so far apart that none knows of another."""
    callers = [
        CallerPlan(
            name=f"caller{number}",
            comes_at=number * APART_S,
            asks=[good_ask(chance(kind, fault, number), f"r{number}-0", kind, fault)],
            leaving=leaving,
        )
        for number, (fault, leaving) in enumerate(plans)
    ]
    calm = {**scene(0).settings, "max_concurrent_requests": 9, "max_connections": 9, "request_timeout": 10.0}
    return Scene(seed=1, settings=calm, weather=CALM, dialling=Dialling(), callers=callers)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_invariants_hold(seed: int) -> None:
    played, violations = run_seed(seed)
    assert not violations, told(played, violations)


@pytest.mark.parametrize("kind", ["stream", "whole", "embeddings"])
def test_every_fault_is_told_as_what_it_is(kind: Kind) -> None:
    faults = sorted(faults_for(kind))
    played = play(one_by_one(kind, [(fault, None) for fault in faults]))
    violations = judge(played)
    assert not violations, told(played, violations)
    assert len(played.provider.exchanges) == len(faults)


@pytest.mark.parametrize("how", ["fin", "rst", "half"])
@pytest.mark.parametrize(("kind", "turns"), [("stream", 200), ("whole", 60)])
def test_a_caller_may_leave_in_any_turn_of_the_loop(kind: Kind, turns: int, how: How) -> None:
    played = play(one_by_one(kind, [("fine", Leaving(how=how, at_turn=turn)) for turn in range(1, turns)]))
    violations = judge(played)
    assert not violations, told(played, violations)
    assert {"cancelled", "ok"} <= set(played.outcomes())


def test_there_are_enough_faults() -> None:
    assert len(FAULTS) >= 25


@pytest.mark.parametrize("seed", [0, 3, 12, 41])
def test_a_seed_gives_the_same_trace_each_time(seed: int) -> None:
    first, second = play(scene(seed)), play(scene(seed))
    assert first.trace.lines == second.trace.lines
    assert first.trace.digest == second.trace.digest
    assert first.trace.digest != play(scene(seed + 1)).trace.digest


def test_a_seed_gives_the_same_trace_in_another_process() -> None:
    program = (
        "from support.simulation.scene import scene\n"
        "from support.simulation.world import play\n"
        "print(*[play(scene(seed)).trace.digest for seed in (6, 12)])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONHASHSEED": "77"}
    there = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert there.stdout.split() == [play(scene(seed)).trace.digest for seed in (6, 12)]


@pytest.mark.parametrize(
    ("prepare", "invariant"),
    [
        (broken.with_provider(broken.ClaimsToBeWhole), "I2"),
        (broken.with_provider(broken.LosesText), "I2"),
        (broken.with_provider(broken.MixesUp), "I3"),
        (broken.with_provider(broken.AsksTwice), "I4"),
        (broken.with_provider(broken.DoesNotLetGo), "I5"),
        (broken.with_provider(broken.Stumbles), "I6"),
        (broken.with_observer(broken.ToldTwice), "I1"),
        (broken.with_observer(broken.NeverTold), "I1"),
        (broken.with_observer(partial(broken.Flatters, bad="failed", good="ok")), "I2"),
        (broken.with_observer(partial(broken.Flatters, bad="cancelled", good="partial")), "I1"),
        (broken.with_observer(partial(broken.Flatters, bad="ok", good="cancelled")), "I1"),
        (broken.with_leak, "I6"),
    ],
)
def test_a_broken_part_is_noticed(prepare: Prepare, invariant: str) -> None:
    for seed in range(40):
        played, violations = run_seed(seed, prepare)
        if any(violation.invariant == invariant for violation in violations):
            report = told(played, violations)
            assert f"seed {seed}:" in report
            assert f"--first {seed}" in report
            return
    pytest.fail(f"nobody noticed in 40 seeds: {invariant}")


def test_the_runner_says_what_it_did() -> None:
    command = [sys.executable, str(ROOT / "tests/simulation/run.py"), "--seeds", "2", "--first", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("n=2 seeds, 0 with a violation")
