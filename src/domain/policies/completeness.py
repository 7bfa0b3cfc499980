"""Is a streamed answer whole? Judged by what was seen, never by the stream's own end mark.

A stream is whole when it had at least one choice and every choice that began also said why it ended.
"""

from domain.model.errors import UpstreamTruncated
from domain.model.stream import Chunk
from domain.model.usage import UNKNOWN_USAGE, Usage


class StreamTally:
    """What has been seen of one stream so far. A few plain values, cheap to keep for every chunk."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._finished: dict[int, str] = {}
        self.usage: Usage = UNKNOWN_USAGE
        self.has_content = False
        self.model: str | None = None

    def see(self, chunk: Chunk) -> None:
        """Count one chunk."""
        self.model = chunk.model
        if chunk.usage is not None:
            self.usage = chunk.usage
        for delta in chunk.deltas:
            if delta.finish_reason is not None:
                self._finished[delta.index] = delta.finish_reason
                self._open.discard(delta.index)
            elif delta.index not in self._finished:
                self._open.add(delta.index)
            self.has_content = self.has_content or delta.has_content

    @property
    def finish_reasons(self) -> tuple[str, ...]:
        """Why the choices ended, in the order of their indexes."""
        return tuple(self._finished[index] for index in sorted(self._finished))

    def require_whole(self) -> None:
        """Raise UpstreamTruncated unless the answer is whole."""
        if self._open:
            raise UpstreamTruncated("The provider's answer stopped before it was finished.")
        if not self._finished:
            raise UpstreamTruncated("The provider's answer ended before it began.")
