"""The service's settings: one struct, read from the environment and `.env`, checked before anything starts.

The struct is also the documentation: `.env.example`, docs/configuration.md and `llm-proxy schema` are made from it.
"""

import ipaddress
import os
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.metadata import version as distribution_version
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta, Struct, inspect
from typing_extensions import override

PREFIX = "LLM_PROXY__"
Mode = Literal["litellm", "mock"]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Bytes = Annotated[int, Meta(ge=1024, le=2**40)]


class SettingsError(Exception):
    """Settings that cannot be used; `problems` says, a line each, what to change. No secret is quoted."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Secret:
    """A text that shows itself to nobody by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    @override
    def __repr__(self) -> str:
        return "Secret(***)"

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    @override
    def __hash__(self) -> int:
        return hash(self._text)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its default. The variable is the field's name in capitals behind `LLM_PROXY__`."""

    llm_mode: Annotated[
        Literal["auto", "litellm", "mock"],
        Meta(
            description="Who answers: a LiteLLM proxy, the built-in fake (mock), or whichever is configured (auto)."
        ),
    ] = "auto"
    litellm_proxy_url: Annotated[
        str | None,
        Meta(description="Address of the LiteLLM proxy, for instance http://localhost:4000."),
    ] = None
    litellm_api_key: Annotated[Secret | None, Meta(description="Key that the LiteLLM proxy wants from us.")] = None
    default_model: Annotated[
        str | None,
        Meta(description="Model for requests that name none; fake/echo and fake/embedding when the fake answers."),
    ] = None
    http_client: Annotated[Literal["httptools", "aiohttp"], Meta(description="HTTP client towards providers.")] = (
        "httptools"
    )
    internal_api_key: Annotated[
        Secret | None,
        Meta(description="Key that callers must show; several are separated by commas. Without one: loopback only."),
    ] = None
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port to listen on.")] = 8002
    workers: Annotated[int, Meta(ge=1, le=256, description="Processes that share the port.")] = 1
    cors_origins: Annotated[
        list[str], Meta(description="Origins that browsers may call from, separated by commas; none by default.")
    ] = []
    version: Annotated[str | None, Meta(description="Version to show instead of the installed one.")] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least important line that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["json", "console"], Meta(description="One JSON object a line, or text for people.")
    ] = "json"
    max_concurrent_requests: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Requests in flight in one process; more are answered with 429.")
    ] = 1000
    request_timeout: Annotated[Seconds, Meta(description="Seconds a request may take in all.")] = 600.0
    connect_timeout: Annotated[Seconds, Meta(description="Seconds until a provider is connected.")] = 5.0
    header_timeout: Annotated[Seconds, Meta(description="Seconds until a provider begins to answer a stream.")] = 60.0
    first_token_timeout: Annotated[
        Seconds, Meta(description="Seconds until a provider says something in a stream.")
    ] = 120.0
    idle_timeout: Annotated[Seconds, Meta(description="Seconds of silence in the middle of a provider's answer.")] = (
        60.0
    )
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Connections of callers to one process; more are closed with 503.")
    ] = 10_000
    client_header_timeout: Annotated[Seconds, Meta(description="Seconds until a caller's headers have come.")] = 10.0
    client_idle_timeout: Annotated[
        Seconds, Meta(description="Seconds until a caller's connection without a request is closed.")
    ] = 75.0
    client_body_timeout: Annotated[Seconds, Meta(description="Seconds until a caller's body has come.")] = 30.0
    write_stall_timeout: Annotated[
        Seconds, Meta(description="Seconds until a caller who has stopped reading counts as gone.")
    ] = 60.0
    keepalive_interval: Annotated[
        Seconds, Meta(description="Seconds of silence in a stream until a comment is sent.")
    ] = 15.0
    drain_delay: Annotated[
        float,
        Meta(ge=0, le=3600, description="Seconds after SIGTERM in which new work is still taken, while not ready."),
    ] = 0.0
    drain_timeout: Annotated[Seconds, Meta(description="Seconds for running requests to finish after SIGTERM.")] = (
        30.0
    )
    max_body_bytes: Annotated[Bytes, Meta(description="Largest body of a caller.")] = 32 * 1024 * 1024
    max_event_bytes: Annotated[Bytes, Meta(description="Largest event in a provider's stream.")] = 8 * 1024 * 1024
    max_upstream_bytes: Annotated[Bytes, Meta(description="Largest answer of a provider.")] = 64 * 1024 * 1024
    max_json_depth: Annotated[int, Meta(ge=4, le=512, description="Levels that a caller's JSON may be nested.")] = 64

    @property
    def mode(self) -> Mode:
        """Who really answers."""
        if self.llm_mode != "auto":
            return self.llm_mode
        return "mock" if self.litellm_proxy_url is None else "litellm"

    @property
    def internal_api_keys(self) -> tuple[Secret, ...]:
        """The callers' keys, one by one."""
        given = "" if self.internal_api_key is None else self.internal_api_key.reveal()
        return tuple(Secret(key.strip()) for key in given.split(",") if key.strip())

    @property
    def shown_version(self) -> str:
        """The version told to callers."""
        return self.version or distribution_version("llm-proxy")


def variable(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()


def settings_from_environment(over: Mapping[str, object] | None = None) -> Settings:
    """The settings of this process; fields in `over` win. Raises SettingsError."""
    chosen = {variable(field): str(value) for field, value in (over or {}).items()}
    return load_settings({**os.environ, **chosen}, _dotenv())


def _dotenv() -> Mapping[str, str | None]:
    try:
        return dotenv_values(".env")
    except UnicodeDecodeError as error:
        raise SettingsError([".env: must be UTF-8 text."]) from error
    except OSError as error:
        raise SettingsError([f".env: cannot be read: {error.strerror}."]) from error


def load_settings(environ: Mapping[str, str], dotenv: Mapping[str, str | None]) -> Settings:
    """The settings in `environ`, over those in `dotenv`. An empty value is no value. Raises SettingsError."""
    given = {name: value for name, value in {**dotenv, **environ}.items() if name.startswith(PREFIX) and value}
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in given.items():
        field = fields.get(name.removeprefix(PREFIX).lower())
        if field is None or name != name.upper():
            problems.append(_unknown(name, fields))
            continue
        try:
            values[field.name] = _value(text or "", field.type)
        except msgspec.ValidationError:
            problems.append(f"{name}: must be {accepted(field.type)}.")
    if problems:
        raise SettingsError(sorted(problems))
    settings = Settings(**values)
    problems = _contradictions(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _value(text: str, kind: Any) -> Any:
    if kind == list[str] or "list[str]" in str(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    if "Secret" in str(kind):
        return Secret(text)
    return msgspec.convert(text, kind, strict=False)


def accepted(kind: Any) -> str:
    """What the value of a setting of this type may be, in words."""
    found = inspect.type_info(kind)
    match found.type if isinstance(found, inspect.Metadata) else found:
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(value) for value in values)
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.FloatType(ge=least, le=most) if least is not None:
            return f"a number from {least} to {most}"
        case inspect.FloatType(gt=below, le=most):
            return f"a number above {below}, at most {most}"
        case inspect.ListType():
            return "a list, separated by commas"
    return "text"


def _unknown(name: str, fields: Mapping[str, Any]) -> str:
    # Without the prefix, which all of them share: it would make any two names look alike.
    near = get_close_matches(name.removeprefix(PREFIX).lower(), fields, n=1)
    return f"{name}: there is no such setting." + (f" Did you mean {variable(near[0])}?" if near else "")


def _contradictions(settings: Settings) -> list[str]:
    found = {
        "litellm_proxy_url": _wrong_address(settings),
        "litellm_api_key": _wrong_key(settings.litellm_api_key),
        "internal_api_key": _missing_key(settings),
    }
    return [f"{variable(field)}: {problem}" for field, problem in found.items() if problem is not None]


def _wrong_address(settings: Settings) -> str | None:
    url = settings.litellm_proxy_url
    if url is None:
        return f"needed when {variable('llm_mode')} is litellm." if settings.mode == "litellm" else None
    if not url.startswith(("http://", "https://")):
        return "must begin with http:// or https://."
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0  # a port out of range raises
    except ValueError:
        whole = False
    if not whole or not _is_visible_ascii(url) or any(mark in url for mark in "?#"):
        return "must be an address such as http://localhost:4000, without spaces, ? and #."
    if "@" in parts.netloc:
        return f"must hold no user and no password; a key belongs in {variable('litellm_api_key')}."
    return None


def _wrong_key(key: Secret | None) -> str | None:
    # It travels in a header, which can carry nothing else.
    return None if key is None or _is_visible_ascii(key.reveal()) else "must be visible ASCII without spaces."


def _missing_key(settings: Settings) -> str | None:
    if settings.internal_api_keys:
        return None
    if settings.internal_api_key is not None:
        # Whoever sets a key wants callers to show one: going on without would leave the door open.
        return "holds no key, only commas and spaces."
    if _is_loopback(settings.host):
        return None
    return f"needed to listen on {settings.host}; without a key only a loopback address such as 127.0.0.1 is allowed."


def _is_visible_ascii(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
