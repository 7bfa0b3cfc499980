"""Embeddings over a LiteLLM proxy."""

from adapters.dialects.litellm.errors import error_from
from adapters.dialects.litellm.surface import LiteLLM, provenance
from adapters.dialects.openai.encode import embedding_body
from adapters.dialects.openai.vectors import decode_embeddings
from adapters.upstream_http.structure_check import refuse_structure
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.embedding import EmbeddingParameters, EmbeddingRequest, Embeddings
from domain.model.limits import UpstreamLimits
from ports.upstream_http import UpstreamHttp, UpstreamRequest, whole_body

_OK = 200


class LiteLLMEmbeddings:
    """Implements ports.embedding_provider."""

    def __init__(self, proxy: LiteLLM, upstream: UpstreamHttp, limits: UpstreamLimits) -> None:
        self._proxy = proxy
        self._upstream = upstream
        self._limits = limits

    async def embed(self, request: EmbeddingRequest, deployment: Deployment, call: Call) -> Embeddings:
        """See ports.embedding_provider."""
        wanted = UpstreamRequest(
            method="POST",
            url=self._proxy.url("/v1/embeddings"),
            headers=self._proxy.headers(call),
            body=embedding_body(request, deployment.model),
            idle_timeout=self._limits.idle_timeout,
        )
        async with self._upstream.send(wanted) as response:
            body = await whole_body(response)
        await refuse_structure(body)
        if response.status != _OK:
            raise error_from(response.status, response.headers, body)
        origin = provenance(deployment.model, response.headers)
        parameters = request.parameters
        return decode_embeddings(body, origin, parameters.encoding, _inputs(parameters))


def _inputs(parameters: EmbeddingParameters) -> int:
    """How many vectors are due. A text is one input, and so is a list of nothing but token ids."""
    given = parameters.input
    if isinstance(given, str) or all(isinstance(item, int) for item in given):
        return 1
    return len(given)
