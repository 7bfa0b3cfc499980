"""What a clock promises, run over the real one and the one that tests move."""

import asyncio
from collections.abc import Callable

import pytest

from adapters.clock.system import SystemClock
from ports.clock import Clock
from support.manual_clock import ManualClock


class Case:
    """A clock, and how its time passes."""

    def __init__(self, clock: Clock, advance: Callable[[float], object]) -> None:
        self.clock = clock
        self.advance = advance


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


async def test_a_block_is_left_when_its_time_is_over(case: Case) -> None:
    async def wait() -> None:
        async with case.clock.deadline(case.clock.now() + 0.01):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    case.advance(0.01)
    with pytest.raises(TimeoutError):
        await waiting


async def test_a_time_that_is_over_already_leaves_at_once(case: Case) -> None:
    with pytest.raises(TimeoutError):
        async with case.clock.deadline(case.clock.now() - 1):
            await asyncio.Event().wait()


async def test_a_block_that_is_done_in_time_is_not_disturbed(case: Case) -> None:
    async with case.clock.deadline(case.clock.now() + 0.01):
        pass
    case.advance(0.02)
    await asyncio.sleep(0.02 if isinstance(case.clock, SystemClock) else 0)


async def test_a_cancellation_stays_one(case: Case) -> None:
    async def wait() -> None:
        async with case.clock.deadline(case.clock.now() + 60):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
