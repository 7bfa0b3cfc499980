"""What the fake models say: one function each, from the request to a draft. Pure, and the same every time."""

from itertools import cycle, islice

import msgspec

from adapters.chat_provider.fake import words
from adapters.chat_provider.fake.instance import instance
from adapters.chat_provider.fake.prompt import asks, question, tool_results
from adapters.chat_provider.fake.tool_answers import Draft, may_call, one_call
from domain.model.chat import ChatParameters, JsonSchema, ResponseFormat
from domain.model.completion import Reply

_CANNED = (
    "This answer is fake. It is always the same, it was written by a person, and no language model was asked. "
    "It comes word by word when it is streamed, and at once when it is not."
)
_SENTENCES = (
    "Nothing in this text was thought by a machine.",
    "It goes on for a while so that there is something to read, to count and to show.",
    "A program that waits for its end has to be patient.",
    "Whoever stops reading earlier misses nothing at all.",
)
_LONG_WORDS = 2_000
_PACED_WORDS = 64


def echo(parameters: ChatParameters) -> Draft:
    """The user's own words; a tool call where there is a tool to call; JSON where it was asked for."""
    if asks(parameters) and may_call(parameters):
        return one_call(parameters)
    return Draft(Reply(content=_formatted(parameters)))


def canned(_parameters: ChatParameters) -> Draft:
    """A short paragraph."""
    return Draft(Reply(content=_CANNED))


def paced(_parameters: ChatParameters) -> Draft:
    """Exactly 64 words."""
    return Draft(Reply(content=_filler(_PACED_WORDS)))


def long(_parameters: ChatParameters) -> Draft:
    """Exactly 2,000 words."""
    return Draft(Reply(content=_filler(_LONG_WORDS)))


def reasoning(parameters: ChatParameters) -> Draft:
    """Some thinking, then the user's own words."""
    thought = f"The user wrote {words.count(question(parameters))} words. I am an echo, so I will repeat them."
    return Draft(Reply(reasoning=thought, content=_formatted(parameters)))


def refusal(_parameters: ChatParameters) -> Draft:
    """A refusal instead of content."""
    return Draft(Reply(refusal="I am sorry, but I cannot help with that."))


def length(_parameters: ChatParameters) -> Draft:
    """A paragraph that stops too early, and says so."""
    return Draft(Reply(content=words.first_words(_CANNED, 16)), "length")


def content_filter(_parameters: ChatParameters) -> Draft:
    """A paragraph that a filter stopped."""
    return Draft(Reply(content=words.first_words(_CANNED, 12)), "content_filter")


def empty(_parameters: ChatParameters) -> Draft:
    """Nothing, properly ended."""
    return Draft(Reply(content=""))


def _formatted(parameters: ChatParameters) -> str:
    wanted = parameters.response_format
    results = tool_results(parameters)
    text = f"The tool answered: {' / '.join(results)}" if results else question(parameters)
    if not isinstance(wanted, ResponseFormat) or wanted.type == "text":
        return text
    if wanted.type == "json_object":
        return msgspec.json.encode({"answer": text}).decode()
    schema = wanted.json_schema.schema if isinstance(wanted.json_schema, JsonSchema) else None
    return msgspec.json.encode(instance(schema, "response_format")).decode()


def _filler(many: int) -> str:
    endless = cycle(" ".join(_SENTENCES).split())
    return " ".join(islice(endless, many))
