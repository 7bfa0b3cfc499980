"""What ends a call from our side before its answer is whole: its time, a silent provider, the service's own end."""

from domain.model.call import Call
from domain.model.errors import DeadlineExceeded, ShuttingDown, UpstreamTimeout
from domain.policies.admission import RETRY_AFTER_S, Admission
from domain.use_cases.interruption import Interruption, deadline
from ports.clock import Clock


def within_deadline(clock: Clock, call: Call) -> Interruption:
    """A block that ends with DeadlineExceeded when the call's time is over."""
    return deadline(clock, call.deadline, _late)


def while_service_lasts(admission: Admission) -> Interruption:
    """A block that ends with ShuttingDown when the service can wait no longer for what is in flight."""
    return Interruption(admission.when_over, _over)


def until_first_token(clock: Clock, seconds: float) -> Interruption:
    """A block that ends with UpstreamTimeout unless it is called off within so many seconds."""
    return deadline(clock, clock.now() + seconds, _speechless)


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("The time for this request is over.")


def _over() -> ShuttingDown:
    return ShuttingDown("The service stopped before the answer was complete.", retry_after=RETRY_AFTER_S)


def _speechless() -> UpstreamTimeout:
    return UpstreamTimeout("The provider took too long to say anything.")
