"""The whole service without a socket: an ASGI application over an upstream of bytes, called one request at a time."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import thread_time
from types import TracebackType
from typing import Any, Self

from dependency_injector import providers
from litestar.types import Scope
from msgspec import Struct
from typing_extensions import override

from domain.model.call import Settlement
from domain.model.errors import UpstreamTruncated
from entrypoints.container import build_container
from entrypoints.http.app import create_app
from entrypoints.settings import Settings
from ports.upstream_http import UpstreamRequest
from support.collecting_observer import CollectingObserver

_LONGEST_WAIT_S = 30.0
_TURNS = 20
_HEADERS = [(b"host", b"test"), (b"content-type", b"application/json")]
_ID = re.compile(r" in request \S+")
_LOG = logging.getLogger("llm_proxy")
Message = MutableMapping[str, Any]


class Upstream(Struct, kw_only=True):
    """What the provider answers. `breaks`: the connection is lost behind the last piece."""

    status: int = 200
    headers: dict[str, str]
    pieces: Sequence[bytes]
    breaks: bool = False


class _Response:
    """Implements ports.upstream_http.UpstreamResponse."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.status = upstream.status
        self.headers = upstream.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self._upstream.pieces:
            await asyncio.sleep(0)  # as the network does: each piece is a turn of the loop
            if piece:
                yield piece
        if self._upstream.breaks:
            raise UpstreamTruncated("The provider's answer broke off.")

    def let_end(self) -> None:
        """Nothing to do."""


class CannedHttp:
    """Implements ports.upstream_http from bytes; `answer` decides what a request gets, `requests` were sent."""

    def __init__(self, answer: Callable[[UpstreamRequest], Upstream]) -> None:
        self.answer = answer
        self.requests: list[UpstreamRequest] = []

    def send(self, request: UpstreamRequest) -> AbstractAsyncContextManager[_Response]:
        self.requests.append(request)
        return self._open(self.answer(request))

    @asynccontextmanager
    async def _open(self, upstream: Upstream) -> AsyncIterator[_Response]:
        yield _Response(upstream)

    async def close(self) -> None:
        """Nothing to do."""


class Exchange(Struct, kw_only=True):
    """One request and all it left behind. `step_ms`: the longest step of its task in CPU milliseconds."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    settlements: list[Settlement]
    requests: list[UpstreamRequest]
    faults: list[str]
    step_ms: float


class _Steps:
    """Awaits a coroutine and times every step of it: the CPU time between two turns of the loop."""

    def __init__(self, inner: Coroutine[Any, Any, None]) -> None:
        self._inner = inner
        self.longest = 0.0

    def __await__(self) -> Generator[Any, None, None]:
        give: Callable[[], Any] = lambda: self._inner.send(None)  # noqa: E731 - replaced in the loop
        while True:
            began = thread_time()
            try:
                yielded = give()
            except StopIteration:
                return
            finally:
                self.longest = max(self.longest, thread_time() - began)
            try:
                yield yielded
            except BaseException as error:  # noqa: BLE001 - a cancellation is the coroutine's own affair
                give = _throwing(self._inner, error)
            else:
                give = lambda: self._inner.send(None)  # noqa: E731 - as above


def _throwing(inner: Coroutine[Any, Any, None], error: BaseException) -> Callable[[], Any]:
    return lambda: inner.throw(error)


class _Client:
    """The ASGI side of one request: the body goes in at once, the answer is kept as the protocol demands it."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._silence: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.parts: list[bytes] = []
        self.ended = False
        self.faults: list[str] = []

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._silence

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.status:
                self.faults.append("asgi: two starts")
            self.status, self.headers = message["status"], dict(message["headers"])
            return
        if self.ended or not self.status:
            self.faults.append("asgi: a body part out of order")
        self.parts.append(message["body"])
        self.ended = not message.get("more_body", False)


class _Unexpected(logging.Handler):
    """Keeps what the service itself calls unexpected."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        text = _ID.sub("", record.getMessage()).splitlines()
        where = [line.strip().partition("src/")[2] for line in text if "src/" in line]
        self.lines.append(f"{text[0]} {where[-1] if where else ''}")


class InProcess:
    """The service in front of a canned LiteLLM proxy. A context manager, for the loop it is entered in."""

    def __init__(self, answer: Callable[[UpstreamRequest], Upstream], **settings: Any) -> None:
        self.upstream = CannedHttp(answer)
        self._observer = CollectingObserver()
        self._log = _Unexpected()
        container = build_container(Settings(litellm_proxy_url="http://upstream.test", **settings))
        container.observer.override(providers.Object(self._observer))
        container.upstream_http.override(providers.Object(self.upstream))
        self._app: Callable[..., Awaitable[None]] = create_app(container)

    async def __aenter__(self) -> Self:
        _LOG.addHandler(self._log)
        self._propagate, _LOG.propagate = _LOG.propagate, False
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: self._log.lines.append(f"event loop: {context['message']}")
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _LOG.removeHandler(self._log)
        _LOG.propagate = self._propagate

    async def ask(self, path: str, body: bytes, method: str = "POST") -> Exchange:
        """The answer to one request; all faults that any exchange may show are already noted."""
        client = _Client(body)
        before = len(asyncio.all_tasks())
        steps = _Steps(self._app(_scope(method, path), client.receive, client.send))  # type: ignore[arg-type] # an ASGI application is a coroutine function
        async with asyncio.timeout(_LONGEST_WAIT_S):
            await steps
        for _ in range(_TURNS):
            if len(asyncio.all_tasks()) == before:
                break
            await asyncio.sleep(0)
        else:
            client.faults.append("a task is left")
        if not client.ended:
            client.faults.append("asgi: the answer has no end")
        client.faults.extend(f"unexpected: {line}" for line in self._log.lines)
        exchange = Exchange(
            status=client.status,
            headers=client.headers,
            body=b"".join(client.parts),
            settlements=list(self._observer.settlements),
            requests=list(self.upstream.requests),
            faults=client.faults,
            step_ms=steps.longest * 1000,
        )
        self._log.lines.clear()
        self._observer.settlements.clear()
        self.upstream.requests.clear()
        return exchange


def _scope(method: str, path: str) -> Scope:
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(_HEADERS),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "extensions": {},
        "state": {},
    }
    return scope  # type: ignore[no-any-return] # a plain dict, as servers give it
