"""What the caller said: the texts that the fake provider reads, and nothing else of a request."""

from collections.abc import Sequence

from adapters.chat_provider.fake import words
from domain.model.chat import (
    ChatParameters,
    ContentPart,
    FunctionMessage,
    Maybe,
    Message,
    TextPart,
    ToolMessage,
    UserMessage,
)

_Content = str | Sequence[ContentPart] | Maybe


def asks(parameters: ChatParameters) -> bool:
    """Whether it was the user who spoke last."""
    return isinstance(parameters.messages[-1], UserMessage)


def question(parameters: ChatParameters) -> str:
    """What the user said last; where no user spoke, the last message."""
    messages = parameters.messages
    said = next((message for message in reversed(messages) if isinstance(message, UserMessage)), messages[-1])
    return _shown(said.content)


def tool_results(parameters: ChatParameters) -> list[str]:
    """What tools answered since anybody else spoke, in their order."""
    results: list[str] = []
    for message in reversed(parameters.messages):
        if not isinstance(message, ToolMessage | FunctionMessage):
            break
        results.insert(0, _shown(message.content))
    return results


def input_words(messages: Sequence[Message]) -> int:
    """The words in all text of all messages."""
    return sum(words.count(text) for message in messages for text in _texts(message.content))


def _texts(content: _Content) -> list[str]:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, Sequence):
        return []
    return [part.text for part in content if isinstance(part, TextPart)]


def _shown(content: _Content) -> str:
    if not isinstance(content, Sequence) or isinstance(content, str):
        return "".join(_texts(content))
    return "\n".join(_part(part) for part in content)


def _part(part: ContentPart) -> str:
    # A picture cannot be repeated in words; its kind shows the caller that it arrived.
    return part.text if isinstance(part, TextPart) else f"[{part.__struct_config__.tag}]"
