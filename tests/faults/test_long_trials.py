"""The long trials in small: each must be able to run, and find nothing."""

import pytest

from campaigns import aborts, cuts, departures, memory
from campaigns.figures import Figure


def broken(figures: list[Figure]) -> list[str]:
    """The bounds that do not hold; how long something took is for the long trials to judge."""
    return [figure.line for figure in figures if not figure.good and not figure.value.endswith(" ms")]


async def test_u_10_no_cut_answer_looks_finished() -> None:
    assert broken(await cuts.run(200, 7)) == []


async def test_u_31_nothing_is_left_of_streams_that_were_broken_off() -> None:
    assert broken(await aborts.run(200, 7)) == []


async def test_c_01_a_caller_that_leaves_is_seen_to_leave_in_every_phase() -> None:
    assert broken(await departures.run(21, 7)) == []


@pytest.mark.slow
async def test_u_18_u_19_u_26_c_09_b_10_no_answer_body_or_reader_fills_the_memory() -> None:
    assert broken(await memory.run(1, 7)) == []
