"""What happened in a run, line by line: two runs of one seed give the same bytes."""

import hashlib
import zlib
from collections.abc import Callable


class Trace:
    """Lines with the virtual time before them. `age` gives that time, in seconds."""

    def __init__(self) -> None:
        self.age: Callable[[], float] = float
        self.lines: list[str] = []

    def note(self, who: str, what: str, data: bytes | None = None) -> None:
        """Add a line. Of data its length and a checksum."""
        more = "" if data is None else f" {len(data)} bytes {zlib.crc32(data):08x}"
        self.lines.append(f"{self.age():.9f} {who} {what}{more}")

    @property
    def digest(self) -> str:
        """A hash over all of it."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()

    def about(self, names: set[str], most: int = 60) -> list[str]:
        """The lines of those who have one of these names, or all; the first and the last if they are many."""
        lines = [line for line in self.lines if not names or line.split(" ", 2)[1] in names]
        if len(lines) <= most:
            return lines
        half = most // 2
        return [*lines[:half], f"... {len(lines) - 2 * half} lines ...", *lines[-half:]]
