"""Serving until told to stop, then draining: one process, or several on one port."""

import asyncio
import multiprocessing
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import cast

import msgspec
import uvicorn
from typing_extensions import override

from domain.model.errors import ShuttingDown
from domain.policies.admission import RETRY_AFTER_S, Admission
from entrypoints.container import build_container
from entrypoints.http.app import create_app
from entrypoints.http.serving.config import GatewayConfig, listen
from entrypoints.http.serving.descriptors import room_for_callers
from entrypoints.http.serving.protocol import GatewayHttpProtocol
from entrypoints.http.serving.workers import STOP_SIGNALS, Workers
from entrypoints.settings import Settings

_USAGE_ERROR = 2
_LOOK_S = 0.02  # how often a server that stops looks whether it may
_LAST_WORDS_S = 0.5  # for what was told to end to say so to its callers


def serve(settings: Settings) -> int:
    """Serve until told to stop. The process's exit code: 0, or 2 when the address cannot be had."""
    try:
        listener = listen(settings)
    except OSError as error:
        print(f"llm-proxy: cannot listen on {settings.host}:{settings.port}: {error.strerror}", file=sys.stderr)
        return _USAGE_ERROR
    room = room_for_callers(settings.max_connections)
    for line in [*start_lines(settings), *_room_line(room, settings.max_connections)]:
        print(line, file=sys.stderr)
    settings = msgspec.structs.replace(settings, max_connections=room)
    if settings.workers > 1:
        return Workers(settings.workers, serve_one, (settings, listener)).run()
    serve_one(settings, listener)
    return 0


def start_lines(settings: Settings) -> list[str]:
    """What an operator should know before the first request."""
    lines = [f"llm-proxy {settings.shown_version} listens on http://{settings.host}:{settings.port}"]
    if settings.mode == "mock":
        lines.append(
            "Answers are FAKE: no provider is configured. Set LLM_PROXY__LITELLM_PROXY_URL to use a LiteLLM proxy."
        )
    if not settings.internal_api_keys:
        lines.append("No key is needed to call it, so it listens on loopback only. Set LLM_PROXY__INTERNAL_API_KEY.")
    return lines


def _over() -> ShuttingDown:
    return ShuttingDown("The service stopped before the request was complete.", retry_after=RETRY_AFTER_S)


def _room_line(room: int, wanted: int) -> list[str]:
    if room == wanted:
        return []
    return [
        f"There is room for {room} connections, not for {wanted}: the limit on open files (ulimit -n) is too low."
    ]


def serve_one(settings: Settings, listener: socket.socket) -> None:
    """Serve in this process until told to stop; also the whole work of one of several."""
    container = build_container(settings)
    config = GatewayConfig(create_app(container), settings)
    DrainingServer(config, container.admission()).run(sockets=[listener])


class DrainingServer(uvicorn.Server):
    """Stops in steps, so that nobody loses an answer that there is time for, and nobody gets one that looks whole.

    Told to stop: not ready any more, but still serving for `drain_delay`, in which load balancers notice. Then no new
    work, and what is in flight has `drain_timeout` to finish. What has not finished then is ended with an error that
    its caller can tell. A second word to stop goes straight to that.
    """

    config: GatewayConfig

    def __init__(self, config: GatewayConfig, admission: Admission) -> None:
        super().__init__(config)
        self._admission = admission
        self._hurry = False

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        # uvicorn would raise the signal once more when it is done; a clean stop is to exit with 0.
        # What a terminal sends goes to all workers at once, too: their parent passes it on, as SIGTERM.
        alone = multiprocessing.parent_process() is None
        before = {
            stop: signal.signal(stop, self.handle_exit if alone or stop == signal.SIGTERM else signal.SIG_IGN)
            for stop in STOP_SIGNALS
        }
        try:
            yield
        finally:
            for stop, handler in before.items():
                signal.signal(stop, handler)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._hurry = self.should_exit
        self._stop()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        parent = multiprocessing.parent_process()
        if parent is not None:  # without the one that started us nobody could tell us to stop
            asyncio.get_running_loop().add_reader(parent.sentinel, self._orphaned, parent.sentinel)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        config = self.config
        self._stop()
        await self._wait(config.drain_delay, lambda: False)
        self._admission.drain()
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._wait(config.drain_timeout, self._nobody_is_here)
        self._admission.end()
        for connection in list(self.server_state.connections):
            cast(GatewayHttpProtocol, connection).out_of_time(_over())
        self._hurry = False
        await self._wait(_LAST_WORDS_S, self._nobody_is_here)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await self._wait(_LAST_WORDS_S, self._nobody_is_here)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    def _stop(self) -> None:
        self._admission.retire()
        self.config.retiring = True
        self.should_exit = True

    def _orphaned(self, sentinel: int) -> None:
        asyncio.get_running_loop().remove_reader(sentinel)
        self._stop()

    def _nobody_is_here(self) -> bool:
        return not self.server_state.connections and not self.server_state.tasks

    async def _wait(self, seconds: float, enough: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not enough() and not self._hurry and loop.time() < until:  # noqa: ASYNC110 - uvicorn's sets tell nobody
            await asyncio.sleep(_LOOK_S)
