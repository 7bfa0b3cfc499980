"""The time a call may take in all, over everything that is done for it."""

from domain.model.call import Call
from domain.model.errors import DeadlineExceeded
from domain.use_cases.interruption import Interruption, deadline
from ports.clock import Clock


def within_deadline(clock: Clock, call: Call) -> Interruption:
    """A block that ends with DeadlineExceeded when the call's time is over."""
    return deadline(clock, call.deadline, _late)


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("The time for this request is over.")
