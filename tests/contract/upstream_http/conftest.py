"""Every test in this folder runs over every client behind the network seam."""

from collections.abc import AsyncIterator

import pytest

from ports.upstream_http import UpstreamHttp
from support.upstream_clients import CLIENTS, LIMITS, Make


@pytest.fixture(params=CLIENTS)
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture
async def client(make: Make) -> AsyncIterator[UpstreamHttp]:
    opened = make(limits=LIMITS)
    yield opened
    await opened.close()
