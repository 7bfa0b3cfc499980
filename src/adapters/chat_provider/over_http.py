"""The I/O of every chat provider that speaks HTTP: send, read, hand the bytes to a dialect. It knows no dialect."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from adapters.upstream_http.structure_check import refuse_structure
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatRequest
from domain.model.completion import Completion, Provenance
from domain.model.errors import GatewayError
from domain.model.stream import Chunk
from ports.chat_provider import Batch
from ports.upstream_http import UpstreamHttp, UpstreamRequest, UpstreamResponse, whole_body

_OK = 200


class StreamDecoder(Protocol):
    """Turns the pieces of a body into chunks; `done` when the provider has said its last word."""

    @property
    def done(self) -> bool:
        """Nothing that follows counts."""

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks complete with this piece. An error behind good chunks is raised by the next call."""

    def close(self) -> list[Chunk]:
        """What was waiting for the end of the body."""

    def provenance(self) -> Provenance:
        """Where the answer comes from, as known by now."""


class ChatDialect(Protocol):
    """What a provider has to translate. Pure: no I/O."""

    def encode(self, request: ChatRequest, deployment: Deployment, call: Call, *, stream: bool) -> UpstreamRequest:
        """Our request as its own."""

    def decode(self, body: bytes, headers: Mapping[str, str], deployment: Deployment) -> Completion:
        """Its answer as ours. Raises UpstreamError where it is none."""

    def decoder(self, headers: Mapping[str, str], deployment: Deployment) -> StreamDecoder:
        """A decoder for one streamed answer."""

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        """What an answer that is not the wanted one means."""


class HttpChatProvider:
    """A chat provider made of a dialect and the network."""

    def __init__(self, dialect: ChatDialect, upstream: UpstreamHttp) -> None:
        self._dialect = dialect
        self._upstream = upstream

    async def complete(self, request: ChatRequest, deployment: Deployment, call: Call) -> Completion:
        """See ports.chat_provider."""
        wanted = self._dialect.encode(request, deployment, call, stream=False)
        async with self._upstream.send(wanted) as response:
            body = await whole_body(response)
        await refuse_structure(body)
        if response.status != _OK:
            raise self._dialect.refusal(response.status, response.headers, body)
        return self._dialect.decode(body, response.headers, deployment)

    @asynccontextmanager
    async def stream(
        self, request: ChatRequest, deployment: Deployment, call: Call
    ) -> AsyncIterator["HttpChatStream"]:
        """See ports.chat_provider."""
        wanted = self._dialect.encode(request, deployment, call, stream=True)
        async with self._upstream.send(wanted) as response:
            if response.status != _OK or not _is_event_stream(response.headers):
                # 200 with JSON or HTML instead of a stream is an error in disguise.
                raise self._dialect.refusal(response.status, response.headers, await whole_body(response))
            yield HttpChatStream(response, self._dialect.decoder(response.headers, deployment))


class HttpChatStream:
    """Batches of chunks, one for each piece that the network brings."""

    def __init__(self, response: UpstreamResponse, decoder: StreamDecoder) -> None:
        self._response = response
        self._pieces = aiter(response.pieces())
        self._decoder = decoder
        self._ended = False

    @property
    def provenance(self) -> Provenance:
        """See ports.chat_provider."""
        return self._decoder.provenance()

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        decoder = self._decoder
        batch = decoder.feed(b"")  # an error that stood behind the last batch is due now
        while not batch:
            if self._ended:
                raise StopAsyncIteration
            if decoder.done:
                self._response.let_end()
                raise StopAsyncIteration
            try:
                piece = await anext(self._pieces)
            except StopAsyncIteration:
                self._ended = True
                batch = decoder.close()
            else:
                batch = decoder.feed(piece)
        return batch


def _is_event_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith("text/event-stream")
