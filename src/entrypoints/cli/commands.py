"""What each word of the command line does. Servers and clients are imported by the words that need them."""

import argparse
import asyncio
import json
import sys

import msgspec

from domain.model.errors import InvalidRequest
from entrypoints.settings import Settings, SettingsError, settings_from_environment


def serve(arguments: argparse.Namespace) -> int:
    """Serve the HTTP API."""
    given = {name: getattr(arguments, name) for name in ("host", "port", "workers")}
    settings = settings_from_environment({name: value for name, value in given.items() if value is not None})
    from entrypoints.http.serving.server import serve as serve_http

    return serve_http(settings)


def chat(arguments: argparse.Namespace) -> int:
    """Ask a model."""
    prompt = _prompt(arguments)
    if arguments.url:
        from entrypoints.cli import remote

        return remote.chat(arguments.url, _key(arguments), _body(arguments, prompt), as_json=arguments.json)
    from entrypoints.cli import in_process

    settings = _quiet()
    return asyncio.run(
        in_process.chat(settings, arguments.model, _body(arguments, prompt)["messages"], as_json=arguments.json)
    )


def models(arguments: argparse.Namespace) -> int:
    """List the models."""
    if arguments.url:
        from entrypoints.cli import remote

        found = remote.models(arguments.url, _key(arguments))
    else:
        from entrypoints.cli import in_process

        found = asyncio.run(in_process.models(_quiet()))
    if arguments.json:
        print(json.dumps({"models": found}, indent=2))
        return 0
    width = max((len(model["id"]) for model in found), default=0)
    for model in found:
        print(f"{model['id']:<{width}}  {model['provider']:<8}  {', '.join(model['capabilities'])}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Check the settings, and ask the provider whether it is there."""
    try:
        settings = settings_from_environment()
    except SettingsError as error:
        if arguments.json:
            print(json.dumps({"ok": False, "problems": error.problems}, indent=2))
            return 2
        raise
    from entrypoints.cli import in_process

    troubles = asyncio.run(in_process.troubles(msgspec.structs.replace(settings, log_level="error")))
    report = {
        "ok": True,
        "mode": settings.mode,
        "provider": "the built-in fake" if settings.mode == "mock" else f"LiteLLM at {settings.litellm_proxy_url}",
        "provider_key_is_set": settings.litellm_api_key is not None,
        "listens_on": _listens_on(settings),
        "callers_need_a_key": bool(settings.internal_api_keys),
        "default_model": settings.default_model,
        "warnings": troubles,
    }
    if arguments.json:
        print(json.dumps(report, indent=2))
        return 0
    print(f"settings are good: {settings.mode} mode, would listen on {report['listens_on']}")
    key = ", with a key" if report["provider_key_is_set"] and settings.mode == "litellm" else ""
    print(f"answers come from {report['provider']}{key}")
    print("callers need a key" if settings.internal_api_keys else "callers need no key (loopback only)")
    for trouble in troubles:
        print(f"warning: {trouble}")
    return 0


def schema(_arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of the settings."""
    from entrypoints.settings_docs import settings_schema

    print(json.dumps(settings_schema(), indent=2))
    return 0


def version(arguments: argparse.Namespace) -> int:
    """Print the version."""
    shown = settings_from_environment().shown_version
    print(json.dumps({"version": shown}) if arguments.json else f"llm-proxy {shown}")
    return 0


def _listens_on(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _quiet() -> Settings:
    """The settings of this process, with logs that do not mix with the output."""
    return msgspec.structs.replace(settings_from_environment(), log_level="error")


def _prompt(arguments: argparse.Namespace) -> str:
    try:
        prompt: str = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt
        # Bytes that are no text come as lone surrogates where the locale lets them through.
        for text in (prompt, arguments.system or "", arguments.model or ""):
            text.encode()
    except UnicodeError as error:
        raise InvalidRequest("The prompt, the system message and the model must be UTF-8 text.") from error
    if not prompt.strip():
        raise InvalidRequest("There is nothing to say: the prompt is empty.", param="prompt")
    return prompt


def _key(arguments: argparse.Namespace) -> str | None:
    if arguments.key:
        return str(arguments.key)
    keys = settings_from_environment().internal_api_keys
    return keys[0].reveal() if keys else None


def _body(arguments: argparse.Namespace, prompt: str) -> dict[str, object]:
    system = [{"role": "system", "content": arguments.system}] if arguments.system else []
    model = {"model": arguments.model} if arguments.model else {}
    return {**model, "messages": [*system, {"role": "user", "content": prompt}]}
