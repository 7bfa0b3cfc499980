"""The service on a real socket, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from dependency_injector import providers

from entrypoints.container import Container, build_container
from entrypoints.http.app import create_app
from entrypoints.http.serving.config import GatewayConfig
from entrypoints.http.serving.server import DrainingServer
from entrypoints.settings import Secret, Settings
from support.collecting_observer import CollectingObserver

KEY = "test-key"


class RunningService:
    """Where it listens, what it is made of, and what its observer saw."""

    def __init__(self, port: int, container: Container, observer: CollectingObserver, server: uvicorn.Server) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.container = container
        self.observer = observer
        self._server = server

    def routes(self) -> dict[str, set[str]]:
        """Every path that the application declares, with its methods."""
        return {route.path: set(route.methods) for route in self._server.config.loaded_app._app.routes}

    def open_connections(self) -> int:
        """Callers' connections that the server has."""
        return len(self._server.server_state.connections)

    def open_exchanges(self) -> int:
        """Exchanges that the server works on."""
        return len(self._server.server_state.tasks)


@asynccontextmanager
async def running_service(
    prepare: Callable[[Container], object] = lambda _container: None, **settings: Any
) -> AsyncIterator[RunningService]:
    """A service with these settings, a key and a collecting observer, ready to be called.

    `prepare` may replace parts of the container before anything is made of it.
    """
    chosen = Settings(**{"internal_api_key": Secret(KEY), "port": 0, "drain_timeout": 1.0, **settings})
    container = build_container(chosen)
    observer = CollectingObserver()
    container.observer.override(providers.Object(observer))
    prepare(container)
    app = create_app(container)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = DrainingServer(GatewayConfig(app, chosen), container.admission())
    serving = asyncio.ensure_future(server._serve(sockets=[listener]))
    try:
        while not server.started:
            if serving.done():
                await serving
            await asyncio.sleep(0)
        yield RunningService(listener.getsockname()[1], container, observer, server)
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def raw_exchange(port: int, request: bytes) -> bytes:
    """Send bytes, read until the server closes; for requests that no client would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        answer = bytearray()
        # A server that refuses a body while it is still being sent resets the connection behind its answer.
        with suppress(ConnectionResetError):
            while piece := await reader.read(65_536):
                answer += piece
        return bytes(answer)
    finally:
        writer.close()


def post(path: str, body: bytes, headers: dict[str, str] | None = None, key: str | None = KEY) -> bytes:
    """A raw POST that asks for the connection to be closed."""
    given = {
        "host": "test",
        "connection": "close",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    if key is not None:
        given["authorization"] = f"Bearer {key}"
    given.update(headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def status_and_body(answer: bytes) -> tuple[int, bytes]:
    """The status and body of a raw answer that is not chunked."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body
