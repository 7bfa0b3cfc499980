"""What a clock promises, run over the real one and the one that tests move."""

import asyncio
import time
from collections.abc import Callable

import pytest

from adapters.clock.system import SystemClock
from domain.model.errors import DeadlineExceeded, InvalidRequest
from domain.use_cases.interruption import deadline
from ports.clock import Clock
from support.manual_clock import ManualClock


class Case:
    """A clock, and how its time passes."""

    def __init__(self, clock: Clock, advance: Callable[[float], object]) -> None:
        self.clock = clock
        self.advance = advance

    async def settle(self) -> None:
        """Long enough for everything in these tests to have rung."""
        await asyncio.sleep(0.03 if isinstance(self.clock, SystemClock) else 0)
        await asyncio.sleep(0)


def late() -> DeadlineExceeded:
    return DeadlineExceeded("late")


@pytest.fixture(params=["system", "manual"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "system":
        return Case(SystemClock(), lambda _seconds: None)  # its time passes by itself
    manual = ManualClock(now=50.0)
    return Case(manual, manual.advance)


async def test_now_never_goes_back(case: Case) -> None:
    before = case.clock.now()
    case.advance(0.01)
    assert case.clock.now() >= before


async def test_the_wall_clock_is_of_this_century(case: Case) -> None:
    assert 1_600_000_000 < case.clock.wall() < 4_000_000_000


async def test_a_sleeper_wakes_when_its_time_has_come(case: Case) -> None:
    before = case.clock.now()
    sleeping = asyncio.ensure_future(case.clock.sleep(0.01))
    await asyncio.sleep(0)
    case.advance(0.01)
    await sleeping
    assert case.clock.now() - before >= 0.009


async def test_an_alarm_rings_once_when_its_time_has_come(case: Case) -> None:
    rung: list[float] = []
    before = case.clock.now()
    case.clock.alarm(before + 0.01, lambda: rung.append(case.clock.now()))
    case.advance(0.005)
    await asyncio.sleep(0)
    assert not rung
    case.advance(0.005)
    await case.settle()
    assert len(rung) == 1
    assert rung[0] - before >= 0.009


async def test_an_alarm_for_a_time_that_is_over_rings_soon_and_not_at_once(case: Case) -> None:
    rung: list[str] = []
    case.clock.alarm(case.clock.now() - 1, lambda: rung.append("now"))
    assert not rung
    await case.settle()
    assert rung == ["now"]


async def test_an_alarm_that_was_cancelled_is_silent(case: Case) -> None:
    rung: list[str] = []
    alarm = case.clock.alarm(case.clock.now() + 0.01, lambda: rung.append("late"))
    alarm.cancel()
    case.advance(0.02)
    await case.settle()
    alarm.cancel()
    assert not rung


async def test_a_block_is_left_when_its_time_is_over(case: Case) -> None:
    async def wait() -> None:
        with deadline(case.clock, case.clock.now() + 0.01, late):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    case.advance(0.01)
    with pytest.raises(DeadlineExceeded):
        await waiting


async def test_a_time_that_is_over_already_leaves_at_the_first_wait(case: Case) -> None:
    with pytest.raises(DeadlineExceeded):
        with deadline(case.clock, case.clock.now() - 1, late):
            await asyncio.Event().wait()


async def test_a_block_that_is_done_in_time_is_not_disturbed(case: Case) -> None:
    with deadline(case.clock, case.clock.now() + 0.01, late):
        pass
    case.advance(0.02)
    await case.settle()


async def test_a_cancellation_stays_one(case: Case) -> None:
    async def wait() -> None:
        with deadline(case.clock, case.clock.now() + 60, late):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_of_two_deadlines_the_outer_one_wins_when_both_are_over(case: Case) -> None:
    at = case.clock.now() + 0.01
    with pytest.raises(InvalidRequest):
        with deadline(case.clock, at, lambda: InvalidRequest("outer")), deadline(case.clock, at, late):
            waiting = asyncio.get_running_loop().create_future()
            case.advance(0.01)
            if isinstance(case.clock, SystemClock):
                time.sleep(0.02)
            await waiting


async def test_an_error_of_the_block_itself_is_kept(case: Case) -> None:
    with pytest.raises(KeyError):
        with deadline(case.clock, case.clock.now() + 60, late):
            raise KeyError
