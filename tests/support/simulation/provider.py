"""The provider behind the service: reads requests strictly, and answers each as its fault has it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

import httptools
from msgspec import Struct
from typing_extensions import override

from support.simulation.answers import Answer, Draft, Move, with_length
from support.simulation.faults import act_out
from support.simulation.loop import VirtualLoop, chance
from support.simulation.scene import Ask, Scene
from support.simulation.trace import Trace
from support.simulation.transport import SimTransport


class Exchange(Struct, kw_only=True):
    """One request that came to the provider. `client` is the service's end of the connection.

    `poisoned` where an answer that nobody asked for may have come on it before: HTTP/1.1 cannot tell it from this one.
    """

    tag: str
    client: SimTransport
    answer: Answer
    began: float
    read_before: int = 0
    poisoned: bool = False
    finished: bool = False
    lost_at: float | None = None

    @property
    def heard(self) -> int:
        """What the service has read on the connection since it asked."""
        return self.client.read_bytes - self.read_before


class Provider:
    """Makes the connections' protocols and remembers what came. `strangers` are requests that should not have come."""

    def __init__(self, loop: VirtualLoop, trace: Trace, scene: Scene) -> None:
        self.loop = loop
        self.trace = trace
        self._scene = scene
        self._asks: Mapping[str, Ask] = {ask.tag: ask for ask in scene.asks()}
        self.exchanges: dict[str, list[Exchange]] = {}
        self._poisoned: dict[SimTransport, int] = {}  # what had been said on it before more came than was asked for
        self.listings = 0
        self.strangers: list[str] = []

    def connection(self, client: SimTransport) -> "ProviderConnection":
        """The protocol of a new connection."""
        return ProviderConnection(self, client)

    def begin(self, path: str, body: bytes, client: SimTransport, place: int) -> Exchange | None:
        """What is to be answered to a request; None for one that nobody could have meant.

        `place` is where it begins in all that came on its connection.
        """
        if path in ("/v1/models", "/model_group/info"):
            self.listings += 1
            return Exchange(tag="list", client=client, answer=_listing(), began=self.loop.time())
        try:
            tag = str(json.loads(body)["model"])
        except (ValueError, KeyError, TypeError):
            tag = "?"
        ask = self._asks.get(tag)
        if ask is None or ask.kind == "refused" or body.count(b"say " + tag.encode()) != 1:
            self.strangers.append(f"{path} {tag}")
            return None
        draft = self._draft(ask, len(self.exchanges.get(tag, [])))
        answer = act_out(ask.fault, draft)
        poisoned = client in self._poisoned
        if poisoned and not self._desynchronised(client) and client.reads.get(place, 0) > self._poisoned[client]:
            self.strangers.append(f"{tag} on a connection on which more had come than was asked for")
        exchange = Exchange(
            tag=tag,
            client=client,
            answer=answer,
            began=self.loop.time(),
            read_before=client.read_bytes,
            poisoned=poisoned,
        )
        self.exchanges.setdefault(tag, []).append(exchange)
        return exchange

    def _desynchronised(self, client: SimTransport) -> bool:
        """Whether the service may have taken for an answer what was none: then nothing that follows is its fault."""
        return any(made.poisoned and made.client is client for tag in self.exchanges.values() for made in tag)

    def poison(self, client: SimTransport, said: int) -> None:
        """More than was asked for comes on that connection, behind so many bytes that were."""
        self._poisoned.setdefault(client, said)

    def _draft(self, ask: Ask, attempt: int) -> Draft:
        settings = self._scene.settings
        return Draft(
            tag=f"{ask.tag}.{attempt}",
            kind=cast(Any, ask.kind),
            choices=ask.choices,
            tools=ask.tools,
            dice=chance(self._scene.seed, "answer", ask.tag, attempt),
            max_event=settings["max_event_bytes"],
            max_body=settings["max_upstream_bytes"],
            idle=settings["idle_timeout"],
        )


def _listing() -> Answer:
    draft = Draft(tag="list", kind="whole", choices=1, tools=False, dice=chance(0), max_event=0, max_body=0, idle=0.1)
    return Answer(acts=with_length(draft, b'{"data":[{"id":"m","model_group":"m"}]}'))


class ProviderConnection(asyncio.Protocol):
    """One connection of the service's."""

    def __init__(self, provider: Provider, client: SimTransport) -> None:
        self._provider = provider
        self._client = client
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body = bytearray()
        self._exchange: Exchange | None = None
        self._acts: list[Any] = []
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._said = 0
        self._place = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(SimTransport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._provider.strangers.append(f"not HTTP: {error}")
            self._transport.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._acts = []
        if self._exchange is not None:
            self._exchange.lost_at = self._provider.loop.time()
        del self._parser

    @override
    def pause_writing(self) -> None:
        self._paused = True

    @override
    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    # What httptools calls.

    def on_url(self, url: bytes) -> None:
        """The request's path."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._body += body

    def on_message_complete(self) -> None:
        """All of it."""
        if self._exchange is not None and not (self._exchange.finished or self._exchange.poisoned):
            self._provider.strangers.append(f"a request behind {self._exchange.tag}, which is not answered yet")
        if self._timer is not None:
            self._timer.cancel()
        url, self._url = self._url.decode(), b""
        body, self._body = bytes(self._body), bytearray()
        self._exchange = self._provider.begin(url, body, self._client, self._place)
        self._place = self._transport.read_bytes
        if self._exchange is None:
            self._transport.write(b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\n\r\n")
            return
        self._provider.trace.note(self._transport.name, f"is asked {self._exchange.tag}")
        self._acts = list(self._exchange.answer.acts)
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        while self._acts and not self._paused and not self._transport.is_closing():
            act = self._acts.pop(0)
            if isinstance(act, bytes):
                self._say(act)
            elif isinstance(act, Move):
                self._move(act)
            elif act:
                self._timer = self._provider.loop.call_later(act, self._go_on)
                return
        exchange = self._exchange
        if not self._acts and exchange is not None and not exchange.finished:
            exchange.finished = True
            self._provider.trace.note(self._transport.name, f"has answered {exchange.tag}")
            self._acts = list(exchange.answer.tail)
            self._go_on()

    def _say(self, words: bytes) -> None:
        if self._exchange is not None and self._exchange.finished:
            self._provider.poison(self._client, self._said)
        self._said += len(words)
        self._transport.write(words)

    def _move(self, move: Move) -> None:
        if move is Move.RESET:
            self._transport.reset()
        else:
            self._transport.close()
