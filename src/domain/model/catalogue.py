"""Which models there are: cards to show, offers to route by, deployments to call."""

from typing import Literal

from msgspec import Struct

Capability = Literal["chat", "streaming", "tools", "vision", "audio", "json_schema", "reasoning", "embeddings"]


class ModelCard(Struct, frozen=True, kw_only=True):
    """A model as it is shown to callers. `created` is in Unix seconds, 0 when unknown."""

    id: str
    provider: str
    capabilities: tuple[Capability, ...] = ()
    created: int = 0


class Offer(Struct, frozen=True, kw_only=True):
    """What a provider answers to: the names it lists, or every name when it is asked without a list."""

    provider: str
    models: tuple[str, ...] = ()
    takes_any_name: bool = False


class Deployment(Struct, frozen=True):
    """One model at one provider: where an attempt goes. `model` is the name the provider knows."""

    provider: str
    model: str
