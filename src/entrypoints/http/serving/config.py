"""How uvicorn is set up here, for every way of running it."""

import math
import socket

import uvicorn

from entrypoints.http.front_door import FrontDoor
from entrypoints.http.serving.patience import ConnectionLimits, Sweeper
from entrypoints.http.serving.protocol import GatewayHttpProtocol
from entrypoints.settings import Settings

_BACKLOG = 2048


class GatewayConfig(uvicorn.Config):
    """uvicorn on httptools and uvloop, and what GatewayHttpProtocol wants to know. `app` may be a name to import."""

    def __init__(self, app: FrontDoor | str, settings: Settings) -> None:
        super().__init__(
            app,
            factory=isinstance(app, str),
            workers=settings.workers,
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
            timeout_graceful_shutdown=math.ceil(settings.drain_timeout),
        )
        self.limits = ConnectionLimits(header_timeout=settings.client_header_timeout, most=settings.max_connections)
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
