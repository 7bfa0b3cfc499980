"""The ways in which a fake model fails: what a real provider's failures become behind the ports."""

from collections.abc import Callable
from typing import Literal, NoReturn

from msgspec import Struct

from domain.model.errors import (
    ContentRejected,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    UnknownModel,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRefusedUs,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from ports.clock import Clock

_LONG = 86_400.0


class Failure(Struct, frozen=True, kw_only=True):
    """How a model fails: before its answer begins, or after some words of it.

    `error` makes what is raised; without one the model says nothing more for ever. A `silent` failure is one that a
    stream does not tell: it simply ends.
    """

    where: Literal["start", "middle"] = "start"
    error: Callable[[], GatewayError] | None = None
    silent: bool = False


async def fail(failure: Failure, clock: Clock) -> NoReturn:
    """Raise the failure's error, or wait until cancelled."""
    if failure.error is not None:
        raise failure.error()
    while True:
        await clock.sleep(_LONG)


BAD_REQUEST = Failure(error=lambda: InvalidRequest("The fake provider refuses this request.", param="messages"))
BAD_KEY = Failure(error=lambda: UpstreamRefusedUs("The fake provider refuses the service's own credentials."))
NO_MODEL = Failure(error=lambda: UnknownModel("The fake provider says that this model does not exist."))
TOO_MANY = Failure(error=lambda: UpstreamRateLimited("The fake provider wants you to wait.", retry_after=2.0))
BROKEN = Failure(error=lambda: UpstreamFailed("The fake provider failed (500)."))
UNAVAILABLE = Failure(error=lambda: UpstreamFailed("The fake provider is not available (503)."))
TOO_LONG = Failure(error=lambda: ContextTooLong("The prompt is too long for the fake model.", param="messages"))
REJECTED = Failure(error=lambda: ContentRejected("The fake content policy refuses this prompt.", param="messages"))
TIMEOUT = Failure(error=lambda: UpstreamTimeout("The fake provider took too long."))
UNREACHABLE = Failure(error=lambda: UpstreamUnreachable("The fake provider cannot be reached."))
CUT = Failure(where="middle", silent=True, error=lambda: UpstreamTruncated("The fake answer stopped before its end."))
BREAKS = Failure(
    where="middle", error=lambda: UpstreamFailed("The fake provider failed in the middle of its answer.")
)
HANGS = Failure()
HANGS_MIDWAY = Failure(where="middle")
