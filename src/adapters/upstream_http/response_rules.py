"""What every client holds an answer to: plain framing, no redirects, no compression, no more bytes than agreed."""

from collections.abc import Mapping

from domain.model.errors import UpstreamInvalid

_STATUSES = range(200, 600)
_REDIRECTS = range(300, 400)
_NO_DOCUMENT = frozenset({204, 205, 206})  # nothing, or a part: neither answers anything that we ask


def check_head(status: int, headers: Mapping[str, str], max_body: int) -> None:
    """Raise UpstreamInvalid for an answer that will not be read.

    A redirect could lead a prompt to anybody; a compressed body could be a thousand times what it seems.
    """
    if status not in _STATUSES or headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise not_http()  # another protocol behind an upgrade, or a body in a coding that would be left on it
    if status in _NO_DOCUMENT:
        raise UpstreamInvalid("The provider answered without the whole of an answer.")
    if status in _REDIRECTS:
        raise UpstreamInvalid("The provider answered with a redirect.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UpstreamInvalid("The provider compressed its answer, which was not asked for.")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_body:
        raise too_large()


def not_http() -> UpstreamInvalid:
    """The error for an answer that no HTTP client could read."""
    return UpstreamInvalid("The provider's answer is not HTTP.")


def too_large() -> UpstreamInvalid:
    """The error for a body beyond the limit."""
    return UpstreamInvalid("The provider's answer is too large.")
