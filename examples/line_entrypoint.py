"""An entrypoint of your own: a line of text in, the answer's text out, over TCP.

See docs/adding-an-entrypoint.md.

python examples/line_entrypoint.py 7000 &
echo "Hello there" | nc localhost 7000
"""

import asyncio
import secrets
import sys
from collections.abc import Mapping

from domain.model.call import Call
from domain.model.chat import ChatParameters, ChatRequest, UserMessage
from domain.model.errors import CallerError, GatewayError
from entrypoints.container import Container, build_container, close_container
from entrypoints.settings import settings_from_environment

# This entrypoint's own table of errors: whose fault it was is the first level of the tree.
REPLIES: Mapping[type[GatewayError], str] = {CallerError: "?", GatewayError: "!"}


class LineEntrypoint:
    """Serves connections: a line is a question, and the lines of the answer end with an empty one."""

    def __init__(self, container: Container) -> None:
        self._clock = container.clock()
        self._stream = container.stream_chat()
        self._model = container.default_model()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the caller closes it."""
        async for line in reader:
            try:
                await self._answer(line.decode(errors="replace").strip(), writer)
            except GatewayError as error:
                mark = next(mark for kind, mark in REPLIES.items() if isinstance(error, kind))
                writer.write(f"{mark} {error.message}\n\n".encode())
        writer.close()

    async def _answer(self, question: str, writer: asyncio.StreamWriter) -> None:
        parameters = ChatParameters(messages=[UserMessage(content=question)])
        now = self._clock.now()
        call = Call(id=secrets.token_hex(8), caller="line", started=now, deadline=now + 60)
        async with self._stream(ChatRequest(self._model or "", parameters), call) as answer:
            async for batch in answer:
                text = "".join(delta.content or "" for chunk in batch for delta in chunk.deltas)
                writer.write(text.encode())
                await writer.drain()
        writer.write(b"\n\n")


async def main(port: int) -> None:
    """Serve on loopback until interrupted."""
    container = build_container(settings_from_environment())
    try:
        server = await asyncio.start_server(LineEntrypoint(container), "127.0.0.1", port)
        await server.serve_forever()
    finally:
        await close_container(container)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
