"""The fake models: one table, read by the chat and embedding providers, the catalog and the documentation's test."""

import re
from collections.abc import Callable
from difflib import get_close_matches

from msgspec import Struct
from msgspec.structs import replace

from adapters.chat_provider.fake import answers, failures, tool_answers
from adapters.chat_provider.fake.failures import Failure
from adapters.chat_provider.fake.tool_answers import Draft
from domain.model.catalogue import Capability
from domain.model.chat import ChatParameters
from domain.model.errors import InvalidRequest, UnknownModel

PROVIDER = "fake"
CREATED = 1_700_000_000
"""When every fake model and every fake answer was made, in Unix seconds: the same request gives the same bytes."""

_LONGEST_GUESS = 64  # guessing at longer names would cost more than it helps
_PACE = re.compile(r"pace-([1-9][0-9]{0,4})ms")
_SLOWEST_MS = 10_000

_CHAT: tuple[Capability, ...] = ("chat", "streaming")
_ECHO: tuple[Capability, ...] = (*_CHAT, "tools", "vision", "audio", "json_schema")


class Pace(Struct, frozen=True):
    """Seconds before the first word and between any two."""

    first: float
    each: float


class FakeModel(Struct, frozen=True, kw_only=True):
    """A row. `does` is a line for people; `says` drafts the answer; `counts` tells whether usage is known."""

    name: str
    does: str
    capabilities: tuple[Capability, ...] = _CHAT
    says: Callable[[ChatParameters], Draft] = answers.canned
    pace: Pace | None = None
    failure: Failure | None = None
    counts: bool = True

    @property
    def full_name(self) -> str:
        """As callers know it."""
        return f"{PROVIDER}/{self.name}"


def _speaker(name: str, does: str, says: Callable[[ChatParameters], Draft]) -> FakeModel:
    return FakeModel(name=name, does=does, says=says)


def _failing(name: str, does: str, failure: Failure) -> FakeModel:
    return FakeModel(name=name, does=does, failure=failure)


MODELS: tuple[FakeModel, ...] = (
    FakeModel(
        name="echo",
        does="Repeats the last user message; calls the first tool if there are tools; keeps to `response_format`.",
        capabilities=_ECHO,
        says=answers.echo,
    ),
    _speaker("canned", "Always the same short paragraph.", answers.canned),
    FakeModel(
        name="slow",
        does="`echo` with 1 s before the first word and 0.2 s between words.",
        capabilities=_ECHO,
        says=answers.echo,
        pace=Pace(1.0, 0.2),
    ),
    FakeModel(
        name="pace-20ms",
        does="64 words, one every 20 ms. Any `pace-<n>ms` works, n from 1 to 10000.",
        says=answers.paced,
        pace=Pace(0.02, 0.02),
    ),
    _speaker("long", "2,000 words.", answers.long),
    FakeModel(
        name="tool-call",
        does="Always calls the first tool, `get_time` if there is none.",
        capabilities=(*_CHAT, "tools"),
        says=tool_answers.one_call,
    ),
    FakeModel(
        name="parallel-tool-calls",
        does="Calls every tool at once, a single one twice.",
        capabilities=(*_CHAT, "tools"),
        says=tool_answers.parallel_calls,
    ),
    FakeModel(
        name="reasoning",
        does="Shows its thinking, then repeats the last user message; counts reasoning tokens.",
        capabilities=(*_CHAT, "json_schema", "reasoning"),
        says=answers.reasoning,
    ),
    _speaker("refusal", "Refuses politely: `refusal` instead of `content`.", answers.refusal),
    _speaker("length", "Stops too early: finish reason `length`.", answers.length),
    _speaker("content-filter", "Some text, then finish reason `content_filter`.", answers.content_filter),
    _speaker("empty", "No content, finish reason `stop`.", answers.empty),
    FakeModel(name="no-usage", does="A short paragraph whose usage nobody knows.", counts=False),
    _failing("error-400", "Refuses the request as invalid.", failures.BAD_REQUEST),
    _failing("error-401", "Refuses the gateway's own key.", failures.BAD_KEY),
    _failing("error-404", "Says that the model does not exist.", failures.NO_MODEL),
    _failing("error-429", "Rate limited, to be tried again after 2 s.", failures.TOO_MANY),
    _failing("error-500", "Fails.", failures.BROKEN),
    _failing("error-503", "Is not available.", failures.UNAVAILABLE),
    _failing("error-context-length", "Says that the prompt is too long.", failures.TOO_LONG),
    _failing("error-content-policy", "Refuses the prompt by its content policy.", failures.REJECTED),
    _failing("timeout", "Times out, at once.", failures.TIMEOUT),
    _failing("unreachable", "Cannot be connected to.", failures.UNREACHABLE),
    _failing("cut-mid-stream", "Some words, then the stream ends without a finish reason.", failures.CUT),
    _failing("error-mid-stream", "Some words, then an error.", failures.BREAKS),
    _failing("hang", "Never answers.", failures.HANGS),
    _failing("hang-mid-stream", "Some words, then silence for ever.", failures.HANGS_MIDWAY),
    FakeModel(
        name="embedding",
        does="Embeddings: a unit vector drawn from a hash of the text, 256 dimensions unless asked otherwise.",
        capabilities=("embeddings",),
    ),
)
_BY_NAME = {model.name: model for model in MODELS}


def chat_model(name: str) -> FakeModel:
    """The chat model of that name. Raises UnknownModel, or InvalidRequest where it does not chat."""
    model = _find(name)
    if "chat" not in model.capabilities:
        raise InvalidRequest(f"The model '{model.full_name}' does not chat.", param="model")
    return model


def embedding_model(name: str) -> FakeModel:
    """The embedding model of that name, or one that fails before it has to know what it was asked for.

    Raises UnknownModel, or InvalidRequest where it does not embed.
    """
    model = _find(name)
    if "embeddings" in model.capabilities or (model.failure is not None and model.failure.where == "start"):
        return model
    raise InvalidRequest(f"The model '{model.full_name}' does not make embeddings.", param="model")


def _find(name: str) -> FakeModel:
    model = _BY_NAME.get(name) or _paced(name)
    if model is None:
        raise UnknownModel(f"The fake provider has no model '{name[:_LONGEST_GUESS]}'.", nearest=_nearest(name))
    return model


def _paced(name: str) -> FakeModel | None:
    match = _PACE.fullmatch(name)
    if match is None or int(match[1]) > _SLOWEST_MS:
        return None
    seconds = int(match[1]) / 1000
    return replace(_BY_NAME["pace-20ms"], name=name, pace=Pace(seconds, seconds))


def _nearest(name: str) -> tuple[str, ...]:
    if len(name) > _LONGEST_GUESS:
        return ()
    return tuple(f"{PROVIDER}/{match}" for match in get_close_matches(name, _BY_NAME, n=3, cutoff=0.5))
