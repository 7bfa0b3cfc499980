"""LiteLLM's errors, as captured from release 1.109.1 on 2026-11-22, told apart."""

import msgspec
import pytest

from adapters.dialects.litellm.errors import classify, error_from
from adapters.dialects.openai.wire import WireFault
from domain.model.errors import (
    ContentRejected,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    UnknownModel,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRefusedUs,
    UpstreamTimeout,
)

ADVICE = (
    "\n\nLiteLLM: model group 'fake-up' failed with the error above and no fallback model group was found for it, "
    "so the request was not retried on another model."
)


def body(message: str, kind: str = "invalid_request_error", code: str = "400", param: str | None = None) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


@pytest.mark.parametrize(
    ("status", "answer", "kind", "message"),
    [
        (400, body("No connected db.", "no_db_connection"), UpstreamRefusedUs, "own credentials"),
        (401, body("Authentication Error, No api key passed in.", "auth_error", "401"), UpstreamRefusedUs, "own credentials"),
        (400, body("/chat/completions: Invalid model name passed in model=nope. Call `/v1/models`"), UnknownModel, "does not know"),
        (429, body("litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached" + ADVICE, "throttling_error", "429"), UpstreamRateLimited, "Rate limit reached"),
        (500, body("litellm.InternalServerError: InternalServerError: OpenAIException - boom" + ADVICE, "internal_server_error", "500"), UpstreamFailed, "boom"),
        (400, body("litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - This model's maximum context length is 8192 tokens.\nmodel=fake-up. context_window_fallbacks=None."), ContextTooLong, "This model's maximum context length is 8192 tokens."),
        (400, body("litellm.BadRequestError: litellm.ContentPolicyViolationError: ContentPolicyViolationError: OpenAIException - flagged"), ContentRejected, "flagged"),
        (408, body("litellm.Timeout: APITimeoutError - Request timed out.", code="408"), UpstreamTimeout, "too long"),
        (404, body("litellm.NotFoundError: OpenAIException - no such deployment", code="404"), UnknownModel, "no such deployment"),
        (401, body("litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key provided: sk-abcdefghijkl", "auth_error", "401"), UpstreamRefusedUs, "own credentials"),
        (422, body("litellm.UnprocessableEntityError: no", code="422"), InvalidRequest, "no"),
        (400, body("/chat/completions: Missing required parameter: 'messages'.", param="messages"), InvalidRequest, "Missing required"),
        (500, body("litellm.InternalServerError: InternalServerError: OpenAIException - Connection error." + ADVICE, "internal_server_error", "500"), UpstreamFailed, "Connection error."),
        (503, b"<html>bad gateway</html>", UpstreamFailed, "without saying why"),
        (502, b'{"detail": "down"}', UpstreamFailed, "down"),
        (200, b"<html>hello</html>", UpstreamInvalid, "no answer"),
        (200, body("litellm.APIConnectionError: upstream exploded", "internal_server_error", "500"), UpstreamFailed, "upstream exploded"),
        (301, b"", UpstreamInvalid, "no answer"),
    ],
)  # fmt: skip
def test_errors_are_told_apart(status: int, answer: bytes, kind: type[GatewayError], message: str) -> None:
    error = error_from(status, {}, answer)
    assert type(error) is kind
    assert message in error.message
    assert "litellm" not in error.message
    assert "model group" not in error.message
    assert "sk-abc" not in error.message


def test_context_length_has_the_code_that_clients_look_for() -> None:
    error = error_from(400, {}, body("litellm.ContextWindowExceededError: too long"))
    assert (error.code, error.param) == ("context_length_exceeded", "messages")


def test_a_param_is_kept_and_a_status_is_no_code() -> None:
    error = error_from(400, {}, body("litellm.BadRequestError: bad", param="temperature"))
    assert (error.param, error.code) == ("temperature", "invalid_request")


def test_a_code_that_is_a_word_is_kept() -> None:
    error = error_from(400, {}, body("litellm.BadRequestError: bad", code="invalid_image"))
    assert error.code == "invalid_image"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"llm_provider-retry-after": "7"}, 7.0),
        ({"retry-after": "1.5", "llm_provider-retry-after": "7"}, 1.5),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_where_it_is(headers: dict[str, str], seconds: float | None) -> None:
    error = error_from(429, headers, body("litellm.RateLimitError: slow down", "throttling_error", "429"))
    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after == seconds


def test_an_error_inside_a_stream_is_classified_by_its_own_code() -> None:
    fault = WireFault(message="litellm.RateLimitError: slow down", code="429")
    assert isinstance(classify(fault), UpstreamRateLimited)
    assert isinstance(classify(WireFault()), UpstreamFailed)
