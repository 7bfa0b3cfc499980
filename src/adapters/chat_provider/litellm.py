"""Chats over a LiteLLM proxy: the openai dialect with LiteLLM's addresses, headers, errors and cost."""

from collections.abc import Mapping

from adapters.dialects.litellm.errors import classify, error_from
from adapters.dialects.litellm.surface import LiteLLM, provenance, with_cost
from adapters.dialects.openai.decode import decode_completion
from adapters.dialects.openai.encode import chat_body
from adapters.dialects.openai.stream import ChatStreamDecoder
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatRequest
from domain.model.completion import Completion, Provenance
from domain.model.errors import GatewayError
from domain.model.limits import UpstreamLimits
from ports.clock import Clock
from ports.upstream_http import UpstreamRequest

_PATH = "/v1/chat/completions"


class LiteLLMChatDialect:
    """Implements adapters.chat_provider.over_http.ChatDialect."""

    def __init__(self, proxy: LiteLLM, limits: UpstreamLimits, clock: Clock) -> None:
        self._proxy = proxy
        self._limits = limits
        self._clock = clock

    def encode(self, request: ChatRequest, deployment: Deployment, call: Call, *, stream: bool) -> UpstreamRequest:
        """Our request as its own. Only a stream has a header timeout: a whole answer's headers come at its end."""
        return UpstreamRequest(
            method="POST",
            url=self._proxy.url(_PATH),
            headers=self._proxy.headers(call),
            body=chat_body(request, deployment.model, stream=stream),
            header_timeout=self._limits.header_timeout if stream else None,
            idle_timeout=self._limits.idle_timeout,
        )

    def decode(self, body: bytes, headers: Mapping[str, str], deployment: Deployment) -> Completion:
        """Its answer as ours."""
        return decode_completion(body, provenance(deployment.model, headers), self._clock.wall())

    def decoder(self, headers: Mapping[str, str], deployment: Deployment) -> "LiteLLMStreamDecoder":
        """A decoder for one streamed answer."""
        chunks = ChatStreamDecoder(deployment.model, self._clock.wall(), self._limits.max_event_bytes, classify)
        return LiteLLMStreamDecoder(chunks, provenance(deployment.model, headers))

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        """What an answer that is not the wanted one means."""
        return error_from(status, headers, body, self._clock.wall())


class LiteLLMStreamDecoder:
    """The openai dialect's stream, with the cost that LiteLLM puts into the usage."""

    def __init__(self, chunks: ChatStreamDecoder, origin: Provenance) -> None:
        self._chunks = chunks
        self._origin = origin
        self.feed = chunks.feed
        self.close = chunks.close

    @property
    def done(self) -> bool:
        """Nothing that follows counts."""
        return self._chunks.done

    def provenance(self) -> Provenance:
        """Where the answer comes from; the cost is known after the usage has come."""
        return with_cost(self._origin, self._chunks.cost)
