"""A JSON answer that sends itself: two ASGI messages and nothing else."""

from litestar.types import Receive, Scope, Send

from entrypoints.http.sending.headers import HeaderList


class WholeAnswer:
    """An ASGI application that answers 200 with a JSON body."""

    __slots__ = ("_body", "_headers")

    def __init__(self, body: bytes, headers: HeaderList) -> None:
        self._body = body
        self._headers = headers

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """ASGI."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
            *self._headers,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
