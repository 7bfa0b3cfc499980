"""What every client holds an answer to: no redirects, no compression, no more bytes than agreed."""

from collections.abc import Mapping

from domain.model.errors import UpstreamInvalid

_REDIRECTS = range(300, 400)


def check_head(status: int, headers: Mapping[str, str], max_body: int) -> None:
    """Raise UpstreamInvalid for an answer that will not be read.

    A redirect could lead a prompt to anybody; a compressed body could be a thousand times what it seems.
    """
    if status in _REDIRECTS:
        raise UpstreamInvalid("The provider answered with a redirect.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UpstreamInvalid("The provider compressed its answer, which was not asked for.")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_body:
        raise too_large()


def too_large() -> UpstreamInvalid:
    """The error for a body beyond the limit."""
    return UpstreamInvalid("The provider's answer is too large.")
