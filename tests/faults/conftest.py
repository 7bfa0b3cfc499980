"""Around every test of a fault: whatever happened in it, nothing of it is left (invariant I6), and it ends."""

import asyncio
import functools
import inspect
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.faults.quiescence import counts, soon

MOST_S = 120.0
"""Seconds that a test may take: one that waits for what never comes fails then, and says where it waited."""
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bound every test in this folder."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == HERE and inspect.iscoroutinefunction(item.obj):
            item.obj = _bounded(item.obj)


def _bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def bounded(*given: Any, **named: Any) -> None:
        async with asyncio.timeout(MOST_S):
            await test(*given, **named)

    return bounded


@pytest.fixture(autouse=True)
def _no_files_left(tmp_path: Path) -> Iterator[None]:
    """Temporary files go to a folder of the test's own, which is empty behind it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
    assert list(folder.iterdir()) == []


@pytest.fixture(autouse=True)
async def _nothing_left_running() -> AsyncIterator[None]:
    """No task and no descriptor more than before the test, within a second."""
    before = counts()
    yield
    await soon(lambda: counts() == before, lambda: (before, counts(), asyncio.all_tasks()))
