"""Names before the resolver: kept, looked up once at a time, and never waited for without end."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from adapters.upstream_http.httptools_client.names import Names
from domain.model.errors import UpstreamTimeout, UpstreamUnreachable
from support.loop_time import LoopTime

FOUND = ["10.0.0.1", "10.0.0.2"]
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "unknown")
BROKEN = socket.gaierror(socket.EAI_AGAIN, "the server is broken")
NOT_A_NAME = UnicodeEncodeError("idna", "a" * 64, 0, 64, "label too long")


class Resolver:
    """Says what it is told to, and waits while it `hangs`. Counts who asked."""

    def __init__(self, says: Sequence[str] | Exception) -> None:
        self.says = says
        self.asked: list[tuple[str, int]] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        await self.answers.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def hangs(self) -> None:
        self.answers.clear()


@pytest.fixture
async def time(monkeypatch: pytest.MonkeyPatch) -> LoopTime:
    return LoopTime(monkeypatch)


@pytest.fixture
async def resolver() -> Resolver:
    return Resolver(FOUND)


@pytest.fixture
async def names(resolver: Resolver) -> Names:
    return Names(resolver)


async def ask(names: Names, host: str = "provider.test", within: float = 5.0) -> Sequence[str]:
    return await names.addresses(host, 443, within)


async def test_an_answer_is_kept_for_a_while(names: Names, resolver: Resolver, time: LoopTime) -> None:
    for passed in (0.0, 10.0, 19.0):
        await time.pass_by(passed)
        assert await ask(names) == FOUND
    assert resolver.asked == [("provider.test", 443)]
    resolver.says = ["10.0.0.9"]
    await time.pass_by(2.0)
    assert await ask(names) == ["10.0.0.9"]
    assert len(resolver.asked) == 2


async def test_names_are_told_apart_by_host_and_port(names: Names, resolver: Resolver) -> None:
    await ask(names)
    await ask(names, "other.test")
    await names.addresses("provider.test", 80, 5.0)
    assert len(resolver.asked) == 3


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1", "2001:db8::7", "fe80::1%lo"])
async def test_an_address_needs_no_look_up(names: Names, resolver: Resolver, literal: str) -> None:
    assert await ask(names, literal) == (literal,)
    assert resolver.asked == []


@pytest.mark.parametrize("fault", [UNKNOWN, BROKEN, NOT_A_NAME, []])
async def test_a_name_without_an_address_is_unreachable(
    names: Names, resolver: Resolver, fault: Exception | list[str]
) -> None:
    resolver.says = fault
    with pytest.raises(UpstreamUnreachable) as caught:
        await ask(names)
    assert "provider.test" not in caught.value.message


async def test_a_failure_is_kept_for_a_moment_only(names: Names, resolver: Resolver, time: LoopTime) -> None:
    resolver.says = UNKNOWN
    for _ in range(5):
        with pytest.raises(UpstreamUnreachable):
            await ask(names)
    assert len(resolver.asked) == 1
    resolver.says = FOUND
    await time.pass_by(1.1)
    assert await ask(names) == FOUND


@pytest.mark.parametrize("fault", [UNKNOWN, BROKEN, []])
async def test_the_last_good_answer_outlives_a_look_up_that_fails(
    names: Names, resolver: Resolver, time: LoopTime, fault: Exception | list[str]
) -> None:
    await ask(names)
    resolver.says = fault
    await time.pass_by(31.0)
    for _ in range(5):
        assert await ask(names) == FOUND
    assert len(resolver.asked) == 2
    resolver.says = ["10.0.0.9"]
    await time.pass_by(1.1)
    assert await ask(names) == ["10.0.0.9"]


async def test_a_look_up_that_hangs_is_waited_for_two_seconds_and_not_repeated(
    names: Names, resolver: Resolver, time: LoopTime
) -> None:
    resolver.hangs()
    for _ in range(5):
        asking = asyncio.ensure_future(ask(names))
        await time.pass_by(1.9)
        assert not asking.done()
        await time.pass_by(0.2)
        assert isinstance(asking.exception(), UpstreamTimeout)
    assert len(resolver.asked) == 1
    resolver.answers.set()
    await time.pass_by(0.0)
    assert await ask(names) == FOUND
    assert len(resolver.asked) == 1


async def test_the_last_good_answer_is_used_when_a_look_up_is_late_and_then_at_once(
    names: Names, resolver: Resolver, time: LoopTime
) -> None:
    await ask(names)
    resolver.hangs()
    resolver.says = ["10.0.0.9"]
    await time.pass_by(31.0)
    asking = asyncio.ensure_future(ask(names))
    await time.pass_by(1.9)
    assert not asking.done()
    await time.pass_by(0.2)
    assert asking.result() == FOUND
    for _ in range(20):
        later = asyncio.ensure_future(ask(names))
        await asyncio.sleep(0)
        assert later.done()
        assert later.result() == FOUND
    assert len(resolver.asked) == 2
    resolver.answers.set()
    await time.pass_by(0.0)
    assert await ask(names) == ["10.0.0.9"]


async def test_waiting_leaves_time_to_connect(names: Names, resolver: Resolver, time: LoopTime) -> None:
    resolver.hangs()
    asking = asyncio.ensure_future(ask(names, within=0.5))
    await time.pass_by(0.3)
    assert isinstance(asking.exception(), UpstreamTimeout)


async def test_however_many_ask_there_is_one_look_up(names: Names, resolver: Resolver, time: LoopTime) -> None:
    resolver.hangs()
    asking = [asyncio.ensure_future(ask(names)) for _ in range(50)]
    await time.pass_by(0.1)
    resolver.answers.set()
    assert await asyncio.gather(*asking) == [FOUND] * 50
    assert len(resolver.asked) == 1


async def test_who_leaves_takes_nothing_from_the_others(names: Names, resolver: Resolver, time: LoopTime) -> None:
    resolver.hangs()
    first, *others = [asyncio.ensure_future(ask(names)) for _ in range(3)]
    await time.pass_by(0.1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    resolver.answers.set()
    assert await asyncio.gather(*others) == [FOUND] * 2
    assert len(resolver.asked) == 1


async def test_closing_leaves_no_look_up_behind(names: Names, resolver: Resolver, time: LoopTime) -> None:
    resolver.hangs()
    asking = asyncio.ensure_future(ask(names))
    await time.pass_by(0.1)
    names.close()
    with pytest.raises(UpstreamUnreachable):
        await asking
    assert asyncio.all_tasks() == {asyncio.current_task()}
