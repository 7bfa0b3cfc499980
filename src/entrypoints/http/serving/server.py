"""Serving until told to stop, then draining: one process, or several on one port."""

import signal
import socket
import sys
from types import FrameType

import uvicorn
from typing_extensions import override
from uvicorn.supervisors import Multiprocess

from entrypoints.container import build_container
from entrypoints.http.app import create_app
from entrypoints.http.front_door import FrontDoor
from entrypoints.http.serving.config import GatewayConfig, listen
from entrypoints.settings import Settings, settings_from_environment

_USAGE_ERROR = 2


def serve(settings: Settings) -> int:
    """Serve until told to stop. The process's exit code: 0, or 2 when the address cannot be had."""
    try:
        listener = listen(settings)
    except OSError as error:
        print(f"llm-proxy: cannot listen on {settings.host}:{settings.port}: {error.strerror}", file=sys.stderr)
        return _USAGE_ERROR
    for line in start_lines(settings):
        print(line, file=sys.stderr)
    run = _serve_many if settings.workers > 1 else _serve_one
    run(settings, listener)
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


class DrainingServer(uvicorn.Server):
    """Shuts the door to new work the moment it is told to stop; what is in flight goes on."""

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if isinstance(self.config.loaded_app, FrontDoor):
            self.config.loaded_app.drain()
        super().handle_exit(sig, frame)


def app_from_environment() -> FrontDoor:
    """The application of one worker process."""
    return create_app(build_container(settings_from_environment()))


def _serve_one(settings: Settings, listener: socket.socket) -> None:
    # uvicorn raises the signal that stopped it once more when it is done; a clean stop is to exit with 0.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda _signal, _frame: None)
    app = create_app(build_container(settings))
    DrainingServer(GatewayConfig(app, settings)).run(sockets=[listener])


def _serve_many(settings: Settings, listener: socket.socket) -> None:
    config = GatewayConfig("entrypoints.http.serving.server:app_from_environment", settings)
    Multiprocess(config, sockets=[listener]).run()
