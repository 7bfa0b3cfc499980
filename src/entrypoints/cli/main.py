"""The `llm-proxy` command. What it can do is what its help says."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from domain.model.errors import GatewayError
from entrypoints.cli import commands
from entrypoints.settings import SettingsError

_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130
Command = Callable[[argparse.Namespace], int]
_EXAMPLES = {
    "serve": ["llm-proxy serve", "llm-proxy serve --port 9000 --workers 2"],
    "chat": [
        "llm-proxy chat 'Why is the sky blue?'",
        "git diff | llm-proxy chat --model fake/echo --system 'Review this.' -",
        "llm-proxy chat --url http://localhost:8002 --json 'Hello' | jq .usage",
    ],
    "models": ["llm-proxy models", "llm-proxy models --url http://localhost:8002 --json"],
    "check": ["llm-proxy check && llm-proxy serve", "llm-proxy check --json | jq .warnings"],
    "schema": ["llm-proxy schema > settings.schema.json"],
    "version": ["llm-proxy version", "llm-proxy version --json"],
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Gives the process's exit code: 0, 1 failed, 2 wrong settings or usage, 130 interrupted."""
    arguments = parser().parse_args(argv)
    command: Command = arguments.command
    try:
        code = command(arguments)
        if sys.stdout is not None:  # it is where the shell has closed it
            sys.stdout.flush()  # here, where a reader who has gone is still ours to deal with
    except SettingsError as error:
        for problem in error.problems:
            print(f"llm-proxy: {problem}", file=sys.stderr)
        return _USAGE
    except GatewayError as error:
        print(f"llm-proxy: {error.message} ({error.code})", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="llm-proxy",
        description="One OpenAI-compatible API between your programs and every language model.",
        epilog="Settings come from the environment and .env; docs/configuration.md and .env.example list them. "
        "Exit codes: 0 done, 1 failed, 2 wrong settings or usage, 130 interrupted.",
    )
    words = top.add_subparsers(required=True, metavar="COMMAND")
    _serve(_word(words, commands.serve, "serve the HTTP API"))
    _chat(_word(words, commands.chat, "ask a model and stream its answer to the terminal"))
    models = _word(words, commands.models, "list the models")
    _as_json(models)
    _remote(models)
    _as_json(_word(words, commands.check, "check the settings and whether the provider answers; 2 if wrong"))
    _word(words, commands.schema, "print the JSON Schema of the settings")
    _as_json(_word(words, commands.version, "print the version"))
    return top


def _word(
    words: "argparse._SubParsersAction[argparse.ArgumentParser]", command: Command, about: str
) -> argparse.ArgumentParser:
    name = command.__name__
    made = words.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog="\n  ".join(["examples:", *_EXAMPLES[name]]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(command=command)
    return made


def _serve(options: argparse.ArgumentParser) -> None:
    options.add_argument("--host", help="address to listen on, instead of LLM_PROXY__HOST")
    options.add_argument("--port", type=int, help="port to listen on, instead of LLM_PROXY__PORT")
    options.add_argument("--workers", type=int, help="processes, instead of LLM_PROXY__WORKERS")


def _chat(options: argparse.ArgumentParser) -> None:
    options.add_argument("prompt", help="what to say; - reads standard input")
    options.add_argument("--model", help="model to ask, instead of LLM_PROXY__DEFAULT_MODEL")
    options.add_argument("--system", help="system message to begin with")
    _as_json(options)
    _remote(options)


def _as_json(options: argparse.ArgumentParser) -> None:
    options.add_argument("--json", action="store_true", help="print JSON for programs")


def _remote(options: argparse.ArgumentParser) -> None:
    options.add_argument("--url", help="ask a running service at this address instead of answering in process")
    options.add_argument("--key", help="key for --url, instead of LLM_PROXY__INTERNAL_API_KEY")


if __name__ == "__main__":
    sys.exit(main())
