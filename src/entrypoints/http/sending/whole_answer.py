"""A JSON answer: two ASGI messages and nothing else."""

from litestar.types import Receive, Scope, Send

from entrypoints.http.sending.headers import HeaderList


async def send_whole(send: Send, body: bytes, headers: HeaderList) -> None:
    """Answer 200 with a JSON body."""
    lines = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": 200, "headers": lines})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class WholeAnswer:
    """The same as an ASGI application, for handlers that return what is to be sent."""

    def __init__(self, body: bytes, headers: HeaderList) -> None:
        self._body = body
        self._headers = headers

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """ASGI."""
        await send_whole(send, self._body, self._headers)
