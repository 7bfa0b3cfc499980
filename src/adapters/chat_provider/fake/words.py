"""Text in words. A word is the fake provider's token: what it counts, limits, and streams one at a time."""

import re
from collections.abc import Iterator, Sequence

# A word brings the space before it along, and the last one also what follows, so that the pieces make up the text.
_PIECE = re.compile(r"\s*+\S++(?:\s++\Z)?|\s++")
_WORD = re.compile(r"\S+")


def pieces(text: str) -> Iterator[str]:
    """The text, one word a piece; joined again they are the text."""
    return (match.group() for match in _PIECE.finditer(text))


def count(text: str) -> int:
    """How many words. Counted one by one: a list of a huge prompt's words would be larger than the prompt."""
    return sum(1 for _ in _WORD.finditer(text))


def first_words(text: str, most: int) -> str:
    """The text, cut behind its first `most` words where it has more."""
    end = 0
    for position, match in enumerate(_PIECE.finditer(text)):
        if position == most:
            return text[:end]
        end = match.end()
    return text


def before_stop(text: str, stops: Sequence[str]) -> str:
    """The text up to where the first of the stop sequences begins."""
    found = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(found)] if found else text
