"""How much structure JSON may have: levels, containers, strings, values. Judged before anything decodes it.

A decoder makes a value of each of them and comes back only when it is done, so that a few megabytes of `[],` would
hold everybody up for seconds. Text is cheap, and is bounded by its bytes alone. Looking takes time linear in the
bytes, and can be done piece by piece.
"""

from collections.abc import Iterator
from typing import NamedTuple

PIECE = 128 * 1024
"""Bytes to look at in one go: some milliseconds at most."""


class Bounds(NamedTuple):
    """Lists and objects, strings (names of members included) and values of any kind in one text."""

    containers: int
    strings: int
    values: int


OF_CALLERS = Bounds(65_536, 262_144, 1_048_576)
"""Ten thousand messages of several parts and all tools together have fewer; token ids are values, and cheap."""
OF_PROVIDERS = Bounds(2_097_152, 4_194_304, 16_777_216)
"""Twenty log probabilities for each of sixteen thousand tokens fit, and vectors for two thousand texts."""

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}",'))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class TooMuchStructure(ValueError):
    """`too_deep` tells levels from numbers."""

    def __init__(self, message: str, *, too_deep: bool = False) -> None:
        super().__init__(message)
        self.too_deep = too_deep


class Structure:
    """Counts what is outside strings. What is not JSON is counted somehow: that is for its decoder to say."""

    def __init__(self, max_depth: int, bounds: Bounds = OF_CALLERS) -> None:
        self._bounds = bounds
        self._max_depth = max_depth
        self._in_string = False
        self._escape = b""  # a backslash that escapes the next piece's first byte
        self._depth = 0
        self._containers = 0
        self._quotes = 0
        self._commas = 0

    def see(self, piece: bytes) -> None:
        """Count the next piece. Raises TooMuchStructure."""
        outside = self._outside_strings(self._escape + piece)
        opened = outside.count(b"[") + outside.count(b"{")
        self._commas += outside.count(b",")
        self._containers += opened
        brackets = outside.translate(None, b",")
        if self._depth + opened <= self._max_depth:  # even if none of them closed
            self._depth += 2 * opened - len(brackets)
        else:
            self._follow(brackets)
        self._refuse_numbers()

    def _follow(self, brackets: bytes) -> None:
        for bracket in brackets:
            self._depth += _STEP[bracket]
            if self._depth > self._max_depth:
                raise TooMuchStructure(f"nested deeper than {self._max_depth} levels", too_deep=True)

    def _refuse_numbers(self) -> None:
        found = (
            ("lists and objects", self._containers, self._bounds.containers),
            ("strings", self._quotes // 2, self._bounds.strings),
            ("values", self._commas, self._bounds.values),
        )
        for what, number, most in found:
            if number > most:
                raise TooMuchStructure(f"of more than {most} {what}")

    def _outside_strings(self, piece: bytes) -> bytes:
        run = len(piece) - len(piece.rstrip(b"\\"))
        self._escape = b"\\" if run % 2 else b""
        if run % 2:
            piece = piece[:-1]
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = piece.translate(None, _NOT_STRUCTURE).split(b'"')
        self._quotes += len(parts) - 1
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= len(parts) % 2 == 0
        return outside


def pieces(text: bytes) -> Iterator[bytes]:
    """A text in pieces to look at one after the other."""
    for at in range(0, len(text), PIECE):
        yield text[at : at + PIECE]


def is_plain(text: bytes, max_depth: int) -> bool:
    """Whether a look can be spared: a short text with fewer brackets than levels, as most texts are."""
    return len(text) <= PIECE and text.count(b"[") + text.count(b"{") <= max_depth
