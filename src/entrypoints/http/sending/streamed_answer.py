"""An answer sent piece by piece as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
A stream that began ends in exactly one of two ways: `data: [DONE]`, only after the use case found the answer whole,
or one error event with nothing behind it. An error before the first byte is an ordinary error response.
"""

from litestar.types import Receive, Send

from domain.model.call import Call
from domain.model.chat import ChatRequest
from domain.model.errors import GatewayError
from domain.use_cases.stream_chat import Answer, StreamChat
from entrypoints.http.errors import CallerLeft, envelope, internal_errors_told
from entrypoints.http.scope import Visit
from entrypoints.http.sending.answers import chunk_bytes
from entrypoints.http.sending.departure import while_caller_stays
from entrypoints.http.sending.stream_writer import StreamTimes, StreamWriter, while_reader_reads
from ports.chat_provider import Batch
from ports.clock import Clock

_DONE = b"data: [DONE]\n\n"


class StreamedAnswer:
    """Runs the use case and sends what it gives."""

    def __init__(
        self, stream: StreamChat, request: ChatRequest, call: Call, clock: Clock, times: StreamTimes
    ) -> None:
        self._stream = stream
        self._request = request
        self._call = call
        self._clock = clock
        self._times = times

    async def send(self, visit: Visit, receive: Receive, send: Send) -> None:
        """Send it, to its end. Raises GatewayError before anything was sent."""
        writer = StreamWriter(send, self._clock, self._call)
        try:
            with (
                internal_errors_told(self._call.id),
                while_caller_stays(visit, receive),
                while_reader_reads(writer, self._clock, self._times),
            ):
                async with self._stream(self._request, self._call) as answer:
                    await self._pass_on(answer, writer)
        except CallerLeft:
            if not writer.started:
                raise
            if visit.connection is not None:  # what was sent has no end and must not get one
                visit.connection.hang_up()
                await receive()  # returns when the server knows that the connection is gone
        except GatewayError as error:
            if not writer.started:
                raise
            await writer.end(b"data: %b\n\n" % envelope(error))
        else:
            await writer.end(_DONE)

    async def _pass_on(self, answer: Answer, writer: StreamWriter) -> None:
        writer.answer = answer
        wants_usage = self._request.wants_usage
        async for batch in answer:
            frames = _frames(batch, wants_usage=wants_usage)
            del batch  # it could have to wait long for the reader
            if frames:
                await writer.write(frames)


def _frames(batch: Batch, *, wants_usage: bool) -> bytes:
    """A batch as events, without the usage chunk where the caller did not ask for it."""
    parts = []
    for chunk in batch:
        if chunk.usage is None or chunk.deltas or wants_usage:
            body = chunk_bytes(chunk)
            if b"\n" in body or b"\r" in body:  # between two tokens of JSON; a line end there would end the event
                body = body.replace(b"\r", b" ").replace(b"\n", b" ")
            parts.append(b"data: %b\n\n" % body)
    return b"".join(parts)
