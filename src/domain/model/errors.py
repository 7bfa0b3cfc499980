"""The error tree: whose fault it is comes first, and nothing is decided from an error's text.

GatewayError
├ CallerError              the caller can mend it; never tried again, never held against a provider
│ ├ InvalidRequest           a field is wrong; `param` names it
│ │ ├ UnsupportedParameter     a field that would steer a gateway instead of the model
│ │ ├ ContextTooLong           the prompt does not fit the model
│ │ └ ContentRejected          the provider's content policy refused the prompt
│ ├ UnknownModel             no such model here
│ ├ NotAuthenticated         our key is missing or wrong
│ └ NotAllowed               our key is good, but not for this
├ UpstreamError            a provider's fault, or the way to it
│ ├ UpstreamUnreachable      no connection
│ │ └ ConnectionWasStale       a kept connection was over before we asked on it; asking again loses nothing
│ ├ UpstreamTimeout          no answer, or silence, for too long
│ ├ UpstreamRateLimited      429; `retry_after` in seconds when it was told
│ ├ UpstreamRefusedUs        our key for the provider was refused
│ ├ UpstreamFailed           it says that it failed
│ ├ UpstreamInvalid          it answered something that is no answer
│ └ UpstreamTruncated        its answer stopped before the end
└ GatewayLimit             ours
  ├ Overloaded               more work in flight than we take
  ├ ShuttingDown             we were told to stop
  └ DeadlineExceeded         the caller's or our total time is over
"""

from domain.model.hygiene import clean_code, clean_text


class GatewayError(Exception):
    """Anything that ends a request without an answer.

    `message` may quote a provider: it is cleaned here (500 characters, no control characters, keys masked), so
    that no error can carry a secret further. `param` names the field at fault, `code` is what programs read: one
    that is no word for programs is not taken over.
    """

    code = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        self.message = clean_text(message) or "The request failed."
        self.param = None if param is None else clean_text(param, 128)
        if code is not None:
            self.code = clean_code(code) or self.code
        super().__init__(self.message)


class CallerError(GatewayError):
    """The caller can mend it."""

    code = "invalid_request"


class InvalidRequest(CallerError):
    """A field is missing, of the wrong type or out of range."""


class UnsupportedParameter(InvalidRequest):
    """The field is not for the model but would steer a gateway on the way."""

    code = "unsupported_parameter"


class ContextTooLong(InvalidRequest):
    """The prompt and the answer asked for do not fit into the model's context."""

    code = "context_length_exceeded"


class ContentRejected(InvalidRequest):
    """A provider's content policy refused the prompt."""

    code = "content_policy_violation"


class UnknownModel(CallerError):
    """No such model; `nearest` are names that exist and look like it."""

    code = "model_not_found"

    def __init__(self, message: str, *, nearest: tuple[str, ...] = ()) -> None:
        hint = f" Nearest: {', '.join(nearest)}." if nearest else ""
        super().__init__(message + hint, param="model")
        self.nearest = nearest


class NotAuthenticated(CallerError):
    """No key, or none that we know."""

    code = "invalid_api_key"


class NotAllowed(CallerError):
    """The key may not do this."""

    code = "not_allowed"


class UpstreamError(GatewayError):
    """A provider's fault, or that of the way to it."""

    code = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection could be made, or it broke before an answer began."""

    code = "upstream_unreachable"


class ConnectionWasStale(UpstreamUnreachable):
    """A kept connection ended with no byte of an answer: the provider had closed it as we sent."""


class UpstreamTimeout(UpstreamError):
    """No connection, no answer or no next byte within its time."""

    code = "upstream_timeout"


class UpstreamRateLimited(UpstreamError):
    """The provider wants us to wait; `retry_after` is in seconds, None when it did not say."""

    code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        param: str | None = None,
        code: str | None = None,
        rate_limits: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message, param=param, code=code)
        self.retry_after = retry_after
        self.rate_limits = rate_limits


class UpstreamRefusedUs(UpstreamError):
    """The provider refused our key: the caller's own key is fine."""

    code = "upstream_auth"


class UpstreamFailed(UpstreamError):
    """The provider says that it failed."""


class UpstreamInvalid(UpstreamError):
    """Not an answer: HTML, malformed JSON, a redirect, a compressed body, too many bytes."""

    code = "upstream_invalid"


class UpstreamTruncated(UpstreamError):
    """The answer stopped before its end."""

    code = "upstream_truncated"


class GatewayLimit(GatewayError):
    """A limit of ours; nothing is wrong with the request. `retry_after` is in seconds."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(GatewayLimit):
    """More requests are in flight than we take."""


class ShuttingDown(GatewayLimit):
    """The process was told to stop and takes no new work."""

    code = "shutting_down"


class DeadlineExceeded(GatewayLimit):
    """The total time for the request is over."""

    code = "deadline_exceeded"
