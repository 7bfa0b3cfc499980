"""Around every test of a fault: whatever happened in it, nothing of it is left (invariant I6)."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.faults.quiescence import counts, soon


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
