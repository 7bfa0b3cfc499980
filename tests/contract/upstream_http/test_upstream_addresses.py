"""What the default client does with the addresses of a name, over real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from adapters.upstream_http.httptools_client.client import HttptoolsUpstream
from domain.model.errors import UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from support.certificates import authority, certificate
from support.loop_time import LoopTime
from support.upstream_clients import LIMITS, OK, SHORT, get, listening, outcome, raw_server, settle
from support.wire_server import Script, WireServer, plays, then_waits

HERE, THERE = "127.0.0.1", "127.0.0.2"
OTHER = OK + b"content-length: 5\r\n\r\nother"


class Book:
    """A look-up that a test writes. Counts who asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Sequence[str] = addresses
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self.addresses


@asynccontextmanager
async def asking(book: Book) -> AsyncIterator[HttptoolsUpstream]:
    client = HttptoolsUpstream(limits=LIMITS, look_up=book)
    yield client
    await client.close()


@asynccontextmanager
async def both(here: Script, there: Script) -> AsyncIterator[tuple[WireServer, WireServer, str]]:
    """Two servers with the same port at two addresses, and the URL that their name would have."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(listening(here, host=HERE))
        port = int(one.url.split("/")[2].split(":")[1])
        other = await stack.enter_async_context(listening(there, host=THERE, port=port))
        yield one, other, f"http://provider.test:{port}/path"


async def test_a_connection_that_is_kept_asks_for_no_address() -> None:
    book = Book(HERE)
    async with both(plays(SHORT), plays(OTHER)) as (one, _, url), asking(book) as client:
        for _ in range(5):
            assert await outcome(client, get(url)) == b"hello"
        assert (book.asked, one.connections) == (1, 1)
        assert one.requests[0].head.split(b"\r\n")[1] == b"host: provider.test:" + url.split(":")[2][:-5].encode()


async def test_new_connections_follow_an_answer_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    time, book = LoopTime(monkeypatch), Book(HERE)
    async with both(plays(SHORT), plays(OTHER)) as (one, other, url), asking(book) as client:
        assert await outcome(client, get(url)) == b"hello"
        book.addresses = [THERE]
        await time.pass_by(20.0)
        assert await asyncio.gather(*(outcome(client, get(url)) for _ in range(2))) == [b"hello"] * 2
        assert (one.connections, other.connections) == (2, 0)
        await time.pass_by(11.0)
        assert await asyncio.gather(*(outcome(client, get(url)) for _ in range(3))) == [b"hello", b"hello", b"other"]
        assert (one.connections, other.connections) == (2, 1)
        await time.pass_by(31.0)
        assert await outcome(client, get(url)) == b"other"


async def test_the_next_address_is_tried_where_one_refuses() -> None:
    book = Book("127.0.0.3", "127.0.0.4", THERE)
    async with both(plays(SHORT), plays(OTHER)) as (one, other, url), asking(book) as client:
        assert await outcome(client, get(url)) == b"other"
        assert (one.connections, other.connections) == (0, 1)


async def test_where_every_address_refuses_the_provider_is_unreachable() -> None:
    book = Book("127.0.0.3", "127.0.0.4")
    async with asking(book) as client:
        assert await outcome(client, get("http://provider.test:9/path")) is UpstreamUnreachable


async def test_an_address_that_answered_is_not_left_for_the_next() -> None:
    book = Book(HERE, THERE)
    async with both(plays(b"nonsense\r\n\r\n"), plays(OTHER)) as (one, other, url), asking(book) as client:
        assert await outcome(client, get(url)) is UpstreamInvalid
        assert (len(one.requests), other.connections) == (1, 0)


async def test_the_certificate_has_to_name_the_host_and_not_its_address(tmp_path: Path) -> None:
    trusted = authority()
    shown = certificate(trusted, "provider.test").context(tmp_path)
    async with listening(plays(SHORT), tls=shown) as server, AsyncExitStack() as stack:
        port = int(server.url.split("/")[2].split(":")[1])
        other = await stack.enter_async_context(listening(plays(SHORT), host=THERE, port=port))
        client = HttptoolsUpstream(limits=LIMITS, tls=trusted.trusted(), look_up=Book(HERE, THERE))
        assert await outcome(client, get(f"https://provider.test:{port}/path")) == b"hello"
        assert await outcome(client, get(f"https://stranger.test:{port}/path")) is UpstreamUnreachable
        assert other.connections == 0, "another address does not make another host"
        await client.close()


async def test_the_next_address_is_tried_where_one_breaks_off_the_handshake(tmp_path: Path) -> None:
    trusted = authority()
    shown = certificate(trusted, "provider.test").context(tmp_path)
    broken: list[asyncio.StreamWriter] = []

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broken.append(writer)
        writer.transport.abort()

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(listening(plays(SHORT), host=THERE, tls=shown))
        port = int(server.url.split("/")[2].split(":")[1])
        refusing = await asyncio.start_server(breaks, HERE, port)
        await stack.enter_async_context(refusing)
        client = HttptoolsUpstream(limits=LIMITS, tls=trusted.trusted(), look_up=Book(HERE, THERE))
        assert await outcome(client, get(f"https://provider.test:{port}/path")) == b"hello"
        assert len(broken) == 1
        await client.close()


async def test_all_addresses_share_the_time_to_connect() -> None:
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind((HERE, 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((HERE, port))
        async with asking(Book(HERE, HERE, HERE)) as client, asyncio.timeout(LIMITS.connect_timeout * 2):
            assert await outcome(client, get(f"http://provider.test:{port}/path")) is UpstreamTimeout


async def test_a_look_up_that_hangs_is_a_timeout_and_is_not_repeated() -> None:
    asked = 0

    async def hangs(_host: str, _port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        return ()

    client = HttptoolsUpstream(limits=LIMITS, look_up=hangs)
    for _ in range(2):
        together = [outcome(client, get("http://provider.test/path")) for _ in range(20)]
        assert await asyncio.gather(*together) == [UpstreamTimeout] * 20
    assert asked == 1
    await client.close()
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}, "closing leaves no look-up behind"


async def test_leaving_during_a_look_up_leaves_no_connection() -> None:
    known = asyncio.Event()

    async def slow(_host: str, _port: int) -> Sequence[str]:
        await known.wait()
        return (HERE,)

    async with listening(then_waits()) as server:
        port = server.url.split("/")[2].split(":")[1]
        client = HttptoolsUpstream(limits=LIMITS, look_up=slow)
        leaving = asyncio.ensure_future(outcome(client, get(f"http://provider.test:{port}/path")))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        known.set()
        await settle()
        assert server.connections == 0
        await client.close()


async def test_the_machines_own_resolver_is_asked_where_none_is_given() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SHORT)

    async with raw_server(talk) as url:
        client = HttptoolsUpstream(limits=LIMITS)
        assert await outcome(client, get(url.replace(HERE, "localhost"))) == b"hello"
        await client.close()
