"""The models of a LiteLLM proxy: its list, and what its `/model_group/info` says they can do."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from adapters.dialects.litellm.errors import error_from
from adapters.dialects.litellm.surface import PROVIDER, LiteLLM
from adapters.dialects.openai.wire import UNDECODABLE
from domain.model.catalogue import Capability, ModelCard, Offer
from domain.model.errors import ConnectionWasStale, GatewayError, UpstreamInvalid
from domain.model.limits import UpstreamLimits
from ports.upstream_http import UpstreamHttp, UpstreamRequest, UpstreamResponse, whole_body

_OK = 200
_PROBE_S = 2.0
_SEES: tuple[tuple[str, Capability], ...] = (
    ("supports_function_calling", "tools"),
    ("supports_vision", "vision"),
    ("supports_audio_input", "audio"),
    ("supports_response_schema", "json_schema"),
    ("supports_reasoning", "reasoning"),
)


class _Model(Struct):
    id: str
    created: int | None = None
    mode: str | None = None


class _Models(Struct):
    data: list[_Model]


class _Group(Struct):
    model_group: str
    mode: str | None = None
    supports_function_calling: bool | None = None
    supports_vision: bool | None = None
    supports_audio_input: bool | None = None
    supports_response_schema: bool | None = None
    supports_reasoning: bool | None = None


class _Groups(Struct):
    data: list[_Group]


_MODELS = msgspec.json.Decoder(_Models)
_GROUPS = msgspec.json.Decoder(_Groups)


class LiteLLMCatalog:
    """Implements ports.model_catalog. The proxy is asked each time: its list changes without telling us."""

    def __init__(self, proxy: LiteLLM, upstream: UpstreamHttp, limits: UpstreamLimits) -> None:
        self._proxy = proxy
        self._upstream = upstream
        self._limits = limits

    def offer(self) -> Offer:
        """Every name goes to the proxy as it is; it knows wildcards and aliases that no list shows."""
        return Offer(provider=PROVIDER, takes_any_name=True)

    async def list_models(self) -> tuple[ModelCard, ...]:
        """See ports.model_catalog. What models can do is left out where the proxy does not tell us."""
        try:
            models = _MODELS.decode(await self._get("/v1/models"))
        except UNDECODABLE as error:
            raise UpstreamInvalid("The provider's list of models cannot be read.") from error
        groups = await self._groups()
        return tuple(_card(model, groups.get(model.id)) for model in models.data)

    async def trouble(self) -> str | None:
        """See ports.model_catalog. Asks for readiness, which costs nothing and needs no key."""
        try:
            await self._get("/health/readiness", within=_PROBE_S)
        except GatewayError as error:
            return f"LiteLLM proxy: {error.message}"
        return None

    async def _groups(self) -> dict[str, _Group]:
        try:
            groups = _GROUPS.decode(await self._get("/model_group/info"))
        except (GatewayError, *UNDECODABLE):
            return {}  # a key may be allowed to chat and not to read this
        return {group.model_group: group for group in groups.data}

    async def _get(self, path: str, within: float | None = None) -> bytes:
        wanted = UpstreamRequest(
            method="GET",
            url=self._proxy.url(path),
            headers=self._proxy.headers(),
            header_timeout=within or self._limits.header_timeout,
            idle_timeout=within or self._limits.idle_timeout,
        )
        try:
            response, body = await self._read(wanted)
        except ConnectionWasStale:  # it had been closed behind our back; the next one is a new one
            response, body = await self._read(wanted)
        if response.status != _OK:
            raise error_from(response.status, response.headers, body)
        return body

    async def _read(self, wanted: UpstreamRequest) -> tuple[UpstreamResponse, bytes]:
        async with self._upstream.send(wanted) as response:
            return response, await whole_body(response)


def _card(model: _Model, group: _Group | None) -> ModelCard:
    mode = model.mode or (group.mode if group is not None else None)
    return ModelCard(
        id=model.id, provider=PROVIDER, created=model.created or 0, capabilities=tuple(_capabilities(mode, group))
    )


def _capabilities(mode: str | None, group: _Group | None) -> Iterator[Capability]:
    if mode == "embedding":
        yield "embeddings"
        return
    yield "chat"
    yield "streaming"
    if group is not None:
        for field, capability in _SEES:
            if getattr(group, field):
                yield capability
