"""The service between a provider that plays a script and callers on raw sockets, with its books open.

Leaving the block checks what must hold after whatever happened: nothing stays behind (I6), every request has exactly
one outcome, and the log line, the observer's event and what the caller saw agree on it (I1).
"""

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from dependency_injector import providers
from typing_extensions import override

from adapters.observer.fan_out import FanOut
from adapters.observer.logs import LoggingObserver
from domain.model.call import Settlement
from entrypoints.container import Container
from ports.observer import Observer
from support.collecting_observer import CollectingObserver
from support.faults.provider import FaultProvider, fault_provider
from support.faults.quiescence import counts, quiet
from support.faults.strict_answer import Answer, read
from support.running_service import RunningService, post, running_service
from support.wire_server import Script

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hi"}]


class Gate:
    """Asks, and remembers what was answered to whom."""

    def __init__(self, service: RunningService, provider: FaultProvider, lines: list[bytes]) -> None:
        self.service = service
        self.provider = provider
        self._lines = lines
        self._ids = itertools.count(1)
        self._answers: dict[str, Answer] = {}

    def new_id(self) -> str:
        """An id for one request."""
        return f"request-{next(self._ids)}"

    def request(
        self, model: str = "script", *, stream: bool = False, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> bytes:
        """A chat request as bytes."""
        body = json.dumps({"model": model, "stream": stream, "messages": MESSAGES, **fields}).encode()
        return post(CHAT, body, {"x-request-id": self.new_id(), **(headers or {})})

    async def ask(self, model: str = "script", *, stream: bool = False, **fields: Any) -> Answer:
        """The answer to a chat, read to its end."""
        return await self.exchange(self.request(model, stream=stream, **fields))

    async def exchange(self, request: bytes) -> Answer:
        """The answer to these bytes, read until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port, limit=2**20)
        raw = bytearray()
        try:
            writer.write(request)
            while piece := await reader.read(2**20):
                raw += piece
        except ConnectionError:
            pass  # what came before it is judged
        finally:
            writer.close()
        answer = read(bytes(raw))
        self.seen(answer)
        return answer

    def seen(self, answer: Answer) -> None:
        """Keep an answer for the comparison at the end."""
        if "x-request-id" in answer.headers:
            assert answer.request_id not in self._answers, "two answers to one request"
            self._answers[answer.request_id] = answer

    def settlements(self) -> dict[str, Settlement]:
        """What the observer was told, by request."""
        told = self.service.observer.settlements
        found = {settled.call.id: settled for settled in told}
        assert len(found) == len(told), "a request was settled twice"
        return found

    @property
    def settled(self) -> Settlement:
        """The only one."""
        (only,) = self.settlements().values()
        return only

    def logged(self) -> dict[str, dict[str, Any]]:
        """The log lines, by request."""
        lines = [json.loads(line) for line in self._lines]
        found = {line["request_id"]: line for line in lines if line["event"] == "request"}
        assert len(found) == len(lines), "a request was logged twice"
        return found

    def agree(self) -> None:
        """Log, observer and callers tell the same of every request."""
        settlements, logged = self.settlements(), self.logged()
        assert settlements.keys() == logged.keys()
        assert self._answers.keys() <= settlements.keys()
        for request_id, settled in settlements.items():
            line = logged[request_id]
            assert (line["outcome"], line.get("code")) == (settled.outcome, settled.code)
            assert line.get("output_tokens") == settled.usage.output_tokens
            if request_id in self._answers:
                answer = self._answers[request_id]
                assert settled.outcome in outcomes(answer), (request_id, settled, answer.ending)
                assert answer.code in (None, settled.code)


def outcomes(answer: Answer) -> set[str]:
    """What a request may be settled as whose caller saw this."""
    by_ending = {
        "done": {"ok"},
        "broken": {"cancelled"},
        "error": {"partial"} if answer.has_text else {"partial", "failed"},
    }
    if answer.ending != "whole":
        return by_ending[answer.ending]
    if answer.code is None:
        return {"ok"}
    if answer.code in ("overloaded", "rate_limit_exceeded", "shutting_down"):
        return {"rejected", "failed"}  # ours before a provider was asked, or the provider's
    return {"failed"} if answer.status >= 500 else {"rejected"}


class _Records(logging.Handler):
    """Keeps what was said that nobody should have to say."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@asynccontextmanager
async def no_complaints() -> AsyncIterator[None]:
    """A block in which nothing unexpected may be logged, and no task may end with an error that nobody looks at."""
    records, lost = _Records(), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: lost.append(context["message"]))
    logging.getLogger().addHandler(records)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(records)
    assert (records.messages, lost) == ([], [])


@asynccontextmanager
async def gate(
    scripts: Script | Mapping[str, Script],
    prepare: Callable[[Container], object] = lambda _container: None,
    **settings: Any,
) -> AsyncIterator[Gate]:
    """The service with these settings in front of a provider that plays these scripts, by model; one is `script`."""
    lines: list[bytes] = []
    collected = CollectingObserver()

    def observed(container: Container) -> None:
        observers: list[Observer] = [collected, LoggingObserver("info", "json", lines.append)]
        container.observer.override(providers.Object(FanOut(observers)))
        prepare(container)

    by_model = scripts if isinstance(scripts, Mapping) else {"script": scripts}
    async with no_complaints(), fault_provider(by_model) as provider:
        async with running_service(observed, **{"litellm_proxy_url": provider.url, **settings}) as service:
            service.observer = collected
            before = counts()
            made = Gate(service, provider, lines)
            yield made
            await quiet(service, before)
            made.agree()
