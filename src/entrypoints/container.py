"""The composition root: the only module that names adapters. Wiring, and no `if` but which technology."""

import os
from collections.abc import Mapping
from typing import Any

from dependency_injector import containers, providers

from adapters.chat_provider.fake.provider import FakeChatProvider
from adapters.chat_provider.litellm import LiteLLMChatDialect
from adapters.chat_provider.over_http import HttpChatProvider
from adapters.clock.system import SystemClock
from adapters.dialects.litellm.surface import LiteLLM
from adapters.embedding_provider.fake import FakeEmbeddingProvider
from adapters.embedding_provider.litellm import LiteLLMEmbeddings
from adapters.model_catalog.fake import FakeModelCatalog
from adapters.model_catalog.litellm import LiteLLMCatalog
from adapters.observer.fan_out import FanOut
from adapters.observer.line_writer import LineWriter, standard_output
from adapters.observer.logs import LoggingObserver, configure_logging
from adapters.observer.otlp_wanted import otlp_wanted
from adapters.upstream_http.httptools_client.client import HttptoolsUpstream
from domain.model.hygiene import remember_secrets
from domain.model.limits import UpstreamLimits
from domain.policies.admission import Admission
from domain.use_cases.accounts import Accounts
from domain.use_cases.complete_chat import CompleteChat
from domain.use_cases.embed import Embed
from domain.use_cases.list_models import ListModels
from domain.use_cases.stream_chat import StreamChat
from entrypoints.settings import Secret, Settings
from ports.model_catalog import ModelCatalog
from ports.observer import Observer
from ports.upstream_http import UpstreamHttp

_FAKE_DEFAULT = "fake/echo"
_FAKE_EMBEDDING_DEFAULT = "fake/embedding"


def _upstream_limits(settings: Settings) -> UpstreamLimits:
    return UpstreamLimits(
        connect_timeout=settings.connect_timeout,
        header_timeout=settings.header_timeout,
        idle_timeout=settings.idle_timeout,
        max_event_bytes=settings.max_event_bytes,
        max_body_bytes=settings.max_upstream_bytes,
    )


def _upstream_http(settings: Settings, limits: UpstreamLimits) -> UpstreamHttp:
    if settings.http_client == "aiohttp":
        from adapters.upstream_http.aiohttp_client import AiohttpUpstream  # noqa: PLC0415 - loaded only where chosen

        return AiohttpUpstream(limits=limits)
    return HttptoolsUpstream(limits=limits)


def _litellm(settings: Settings) -> LiteLLM:
    key = settings.litellm_api_key
    return LiteLLM(settings.litellm_proxy_url or "", None if key is None else key.reveal())


def _tracer_provider(version: str) -> Any | None:
    if not otlp_wanted(os.environ):
        return None
    from adapters.observer.otel import build_tracer_provider  # noqa: PLC0415 - slow to import, and seldom wanted

    return build_tracer_provider(version)


def _observer(settings: Settings, tracer_provider: Any | None, lines: LineWriter) -> Observer:
    level, form, colors = settings.log_level, settings.log_format, lines.is_terminal
    configure_logging(level, form, lines.write, colors=colors)
    observers: list[Observer] = [LoggingObserver(level, form, lines.write, colors=colors)]
    if tracer_provider is not None:
        from adapters.observer.otel import OtelObserver  # noqa: PLC0415 - same

        observers.append(OtelObserver(tracer_provider))
    return FanOut(observers)


def _secrets(settings: Settings) -> list[str]:
    values = [getattr(settings, field) for field in settings.__struct_fields__]
    found = [value for value in values if isinstance(value, Secret)]
    return [secret.reveal() for secret in (*found, *settings.internal_api_keys)]


def _default_model(settings: Settings) -> str | None:
    return settings.default_model or (_FAKE_DEFAULT if settings.mode == "mock" else None)


def _default_embedding_model(settings: Settings) -> str | None:
    return settings.default_model or (_FAKE_EMBEDDING_DEFAULT if settings.mode == "mock" else None)


def _offers(catalogs: tuple[ModelCatalog, ...]) -> tuple[Any, ...]:
    return tuple(catalog.offer() for catalog in catalogs)


class Container(containers.DeclarativeContainer):
    """Everything the service is made of, by name. Singletons, built when first asked for."""

    settings = providers.Dependency(instance_of=Settings)

    clock = providers.Singleton(SystemClock)
    admission = providers.Singleton(Admission, settings.provided.max_concurrent_requests)
    tracer_provider = providers.Singleton(_tracer_provider, settings.provided.shown_version)
    log_lines = providers.Singleton(standard_output)
    observer = providers.Singleton(_observer, settings, tracer_provider, log_lines)
    accounts = providers.Singleton(Accounts, clock, observer, admission)

    upstream_limits = providers.Singleton(_upstream_limits, settings)
    upstream_http = providers.Singleton(_upstream_http, settings, upstream_limits)
    litellm = providers.Singleton(_litellm, settings)
    litellm_dialect = providers.Singleton(LiteLLMChatDialect, litellm, upstream_limits, clock)

    # One row a mode: who answers chats, who embeds, who knows the models.
    chat_providers: providers.Provider[Mapping[str, Any]] = providers.Selector(
        settings.provided.mode,
        mock=providers.Dict(fake=providers.Singleton(FakeChatProvider, clock)),
        litellm=providers.Dict(litellm=providers.Singleton(HttpChatProvider, litellm_dialect, upstream_http)),
    )
    embedding_providers: providers.Provider[Mapping[str, Any]] = providers.Selector(
        settings.provided.mode,
        mock=providers.Dict(fake=providers.Singleton(FakeEmbeddingProvider, clock)),
        litellm=providers.Dict(
            litellm=providers.Singleton(LiteLLMEmbeddings, litellm, upstream_http, upstream_limits)
        ),
    )
    _catalog = providers.Selector(
        settings.provided.mode,
        mock=providers.Singleton(FakeModelCatalog),
        litellm=providers.Singleton(LiteLLMCatalog, litellm, upstream_http, upstream_limits),
    )
    catalogs = providers.Singleton(lambda *catalogs: catalogs, _catalog)
    offers = providers.Singleton(_offers, catalogs)
    default_model = providers.Singleton(_default_model, settings)
    default_embedding_model = providers.Singleton(_default_embedding_model, settings)
    tracing = providers.Callable(lambda provider: provider is not None, tracer_provider)

    complete_chat = providers.Singleton(CompleteChat, chat_providers, offers, accounts)
    stream_chat = providers.Singleton(
        StreamChat, chat_providers, offers, accounts, settings.provided.first_token_timeout
    )
    embed = providers.Singleton(Embed, embedding_providers, offers, accounts)
    list_models = providers.Singleton(ListModels, catalogs, accounts)


def build_container(settings: Settings) -> Container:
    """The service by these settings. Nothing is opened yet; their secrets are masked in this process from now on."""
    remember_secrets(_secrets(settings))
    return Container(settings=providers.Object(settings))


async def close_container(container: Container) -> None:
    """Close connections and flush observers."""
    if container.settings().mode != "mock":
        await container.upstream_http().close()
    container.observer().close()
    container.log_lines().close()
