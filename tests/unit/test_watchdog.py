"""A loop that stands still is told of once, with the place; a process that does not run at all is not."""

import asyncio
import logging
import time

import pytest

from entrypoints.http.serving.watchdog import BEAT_S, LOOK_S, STALL_S, Watchdog


class Scene:
    """A watchdog in a time of its own: the loop beats or not, the thread looks or not, the process computes or not."""

    def __init__(self) -> None:
        self.time = 100.0
        self.computed = 7.0
        self.dog = Watchdog(lambda: self.time, lambda: self.computed)
        self.dog.begin()

    def turns(self, seconds: float) -> None:
        """The loop turns, and the thread looks."""
        for _ in range(round(seconds / LOOK_S)):
            self.time += LOOK_S / 2
            self.dog.beat()
            self.time += LOOK_S / 2
            self.dog.look()

    def stands(self, seconds: float) -> None:
        """The loop stands still, and the thread looks."""
        for _ in range(round(seconds / LOOK_S)):
            self.time += LOOK_S
            self.dog.look()

    def is_held(self, seconds: float, *, computing: bool) -> None:
        """Neither of them runs."""
        self.time += seconds
        self.computed += seconds if computing else 0.001


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "llm_proxy"]


def test_a_loop_that_turns_is_not_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.turns(60)
    for _ in range(10):
        scene.stands(STALL_S - LOOK_S)
        scene.turns(LOOK_S)
    assert (scene.dog.stalls, scene.dog.longest, lines(caplog)) == (0, 0.0, [])


def test_a_standstill_is_told_of_at_its_beginning_and_its_end(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    for number, seconds in enumerate((2.0, 5.0, 1.0), start=1):
        caplog.clear()
        scene.turns(1)
        scene.stands(seconds)
        (begun,) = lines(caplog)
        assert begun.startswith("the event loop stands still, for 0.")
        scene.turns(1)
        begun, ended = lines(caplog)
        assert ended.startswith("the event loop turns again, after ")
        assert float(ended.split()[-2]) == pytest.approx(seconds, abs=BEAT_S + LOOK_S)
        assert scene.dog.stalls == number
    assert scene.dog.longest == pytest.approx(5.0, abs=BEAT_S + LOOK_S)


@pytest.mark.parametrize("seconds", [0.6, 0.8, 20.0, 10_000.0])
@pytest.mark.parametrize("thread_first", [True, False])
@pytest.mark.parametrize("beaten", [True, False])
def test_a_process_that_did_not_run_is_nobodys_code(
    caplog: pytest.LogCaptureFixture, seconds: float, *, thread_first: bool, beaten: bool
) -> None:
    scene = Scene()
    scene.turns(1)
    for _ in range(3):
        if beaten:  # since the last look
            scene.dog.beat()
        scene.is_held(seconds, computing=False)
        if thread_first:
            scene.dog.look()
        scene.turns(0.3)
    assert (scene.dog.stalls, lines(caplog)) == (0, [])


def test_a_thread_that_is_late_while_the_loop_works_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.turns(1)
    for _ in range(30):
        scene.is_held(0.1, computing=True)
        scene.dog.beat()
    scene.turns(1)
    assert (scene.dog.stalls, lines(caplog)) == (0, [])


@pytest.mark.parametrize("thread_first", [True, False])
def test_code_that_lets_no_other_thread_run_is_told_of(
    caplog: pytest.LogCaptureFixture, *, thread_first: bool
) -> None:
    scene = Scene()
    scene.turns(1)
    scene.is_held(3, computing=True)
    if thread_first:
        scene.dog.look()
    scene.turns(1)
    assert scene.dog.stalls == 1
    assert scene.dog.longest == pytest.approx(3.0, abs=BEAT_S + LOOK_S)
    assert len(lines(caplog)) == (2 if thread_first else 1)


def test_being_held_in_a_standstill_does_not_make_it_longer() -> None:
    scene = Scene()
    scene.turns(1)
    scene.stands(1)
    scene.is_held(100, computing=False)
    scene.stands(1)
    scene.turns(1)
    assert scene.dog.stalls == 1
    assert scene.dog.longest == pytest.approx(2.0, abs=BEAT_S + 2 * LOOK_S)


async def turns_until_told(caplog: pytest.LogCaptureFixture, words: str) -> str:
    """The line with these words, for which the loop is let turn."""
    deadline = time.perf_counter() + 10
    while time.perf_counter() < deadline:
        for line in lines(caplog):
            if words in line:
                return line
        await asyncio.sleep(0)
    raise AssertionError(f"not told: {words}")


def keep_busy(seconds: float, secret: str) -> str:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return secret


async def test_a_real_loop_that_is_blocked_is_told_of_with_the_place(caplog: pytest.LogCaptureFixture) -> None:
    dog = Watchdog(time.perf_counter)
    dog.start()
    try:
        keep_busy(STALL_S + 3 * LOOK_S, "the prompt")  # this is what is watched for
        begun = await turns_until_told(caplog, "stands still")
        await turns_until_told(caplog, "turns again")
    finally:
        dog.stop()
    assert f"{__name__}:" in begun
    assert "keep_busy < " in begun
    assert "test_a_real_loop_that_is_blocked" in begun
    assert "the prompt" not in begun
    assert "/" not in begun
    assert dog.stalls == 1
    assert dog.longest > STALL_S
    assert not dog._thread.is_alive()


async def test_a_stopped_watchdog_looks_no_more(caplog: pytest.LogCaptureFixture) -> None:
    dog = Watchdog(time.perf_counter)
    dog.start()
    dog.stop()
    assert not dog._thread.is_alive()
    assert dog._timer is not None
    assert dog._timer.cancelled()
    assert logging.getLogger("llm_proxy").isEnabledFor(logging.WARNING)
    assert lines(caplog) == []
