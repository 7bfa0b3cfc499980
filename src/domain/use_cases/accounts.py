"""Every call is settled exactly once, whatever its ending: an account is opened, filled and closed.

    with accounts.open(call, "chat", model) as account: ...      leaving the block settles

Leaving is synchronous, so no cancellation can come between an ending and its record.
"""

from asyncio import CancelledError
from types import TracebackType
from typing import Self

from domain.model.call import Call, Operation, Outcome, Settlement
from domain.model.catalogue import Deployment
from domain.model.completion import Provenance
from domain.model.errors import CallerError, GatewayError, Overloaded
from domain.model.usage import UNKNOWN_USAGE, Cost, Usage
from domain.policies.admission import Admission
from ports.clock import Clock
from ports.observer import Observer

_REFUSALS = (CallerError, Overloaded)


class Accounts:
    """Opens accounts. Shared by all use cases, so that all of them admit and settle alike."""

    def __init__(self, clock: Clock, observer: Observer, admission: Admission) -> None:
        self.clock = clock
        self.observer = observer
        self.admission = admission

    def open(self, call: Call, operation: Operation, model: str | None = None, *, stream: bool = False) -> "Account":
        """An account to be used as a context manager. Entering raises Overloaded or ShuttingDown."""
        return Account(self, call, operation, model, stream=stream)


class Account:
    """What is known of one call so far. The use case writes into it; leaving it settles."""

    def __init__(
        self, accounts: Accounts, call: Call, operation: Operation, model: str | None, *, stream: bool
    ) -> None:
        self._accounts = accounts
        self._call = call
        self._operation = operation
        self._model_asked = model
        self._stream = stream
        self._admitted = False
        self.deployment: Deployment | None = None
        self.attempts = 0
        self.delivered = False
        self.usage: Usage = UNKNOWN_USAGE
        self.cost: Cost | None = None
        self.finish_reasons: tuple[str, ...] = ()
        self.first_token: float | None = None
        self.waited = 0.0
        self.upstream_id: str | None = None

    def attempt(self, deployment: Deployment) -> "Attempt":
        """A block in which a provider is asked and waited for."""
        self.deployment = deployment
        self.attempts += 1
        return Attempt(self, self._accounts.clock)

    def note_provenance(self, provenance: Provenance) -> None:
        """Note where the answer comes from and what it cost."""
        self.cost = provenance.cost
        self.upstream_id = provenance.upstream_id

    def note_first_token(self) -> None:
        """Note that the first content is about to reach the caller: from here on an ending is `partial`."""
        self.delivered = True
        self.first_token = self._accounts.clock.now() - self._call.started

    def __enter__(self) -> Self:
        try:
            self._accounts.admission.enter()
        except GatewayError as refusal:
            self._settle(refusal)
            raise
        self._admitted = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._accounts.admission.leave()
        self._settle(error)

    def _settle(self, error: BaseException | None) -> None:
        clock = self._accounts.clock
        self._accounts.observer.settled(
            Settlement(
                call=self._call,
                operation=self._operation,
                outcome=self._outcome(error),
                ended_at=clock.wall(),
                duration=clock.now() - self._call.started,
                stream=self._stream,
                model_asked=self._model_asked,
                deployment=self.deployment,
                attempts=self.attempts,
                usage=self.usage,
                cost=self.cost,
                finish_reasons=self.finish_reasons,
                first_token=self.first_token,
                upstream=self.waited,
                upstream_id=self.upstream_id,
                error=None if error is None else type(error).__name__,
                code=error.code if isinstance(error, GatewayError) else None,
            )
        )

    def _outcome(self, error: BaseException | None) -> Outcome:
        if error is None:
            return "ok"
        if isinstance(error, CancelledError | GeneratorExit):
            return "cancelled"
        if self.delivered:
            return "partial"
        return "rejected" if isinstance(error, _REFUSALS) or not self._admitted else "failed"


class Attempt:
    """The time from entering to leaving is time waited for a provider."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock

    def __enter__(self) -> None:
        self._asked_at = self._clock.now()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._account.waited += self._clock.now() - self._asked_at
