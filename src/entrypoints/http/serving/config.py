"""How uvicorn is set up here, for every way of running it."""

import socket

import uvicorn

from entrypoints.http.front_door import FrontDoor
from entrypoints.http.serving.patience import ConnectionLimits, Sweeper
from entrypoints.http.serving.protocol import GatewayHttpProtocol
from entrypoints.settings import Settings

_BACKLOG = 2048


class GatewayConfig(uvicorn.Config):
    """uvicorn on httptools and uvloop, and what GatewayHttpProtocol and DrainingServer want to know.

    `retiring` once the process was told to stop: then no connection is kept behind an answer.
    """

    def __init__(self, app: FrontDoor, settings: Settings) -> None:
        super().__init__(
            app,
            http=GatewayHttpProtocol,
            loop="uvloop",
            ws="none",
            lifespan="on",
            interface="asgi3",
            backlog=_BACKLOG,
            access_log=False,  # one line a request comes from the observer
            log_config=None,
            proxy_headers=False,  # who says where a request came from is not to be believed
            server_header=False,
        )
        self.limits = ConnectionLimits(
            header_timeout=settings.client_header_timeout,
            idle_timeout=settings.client_idle_timeout,
            stall_timeout=settings.write_stall_timeout,
            most=settings.max_connections,
        )
        self.drain_delay = settings.drain_delay
        self.drain_timeout = settings.drain_timeout
        self.retiring = False
        self.sweeper = Sweeper()


def listen(settings: Settings) -> socket.socket:
    """A bound socket. Raises OSError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener
