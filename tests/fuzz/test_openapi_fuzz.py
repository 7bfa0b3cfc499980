"""Schemathesis, every check: what our OpenAPI document says is what the service does, and nothing breaks it.

Ten examples for each operation here; `python tests/fuzz/run.py --what api --n 1000` for a night.
"""

from support.fuzz.schemathesis_run import schemathesis

EXAMPLES = 10


def test_the_service_does_what_its_document_says() -> None:
    outcome = schemathesis(EXAMPLES)
    assert outcome.clean, outcome.output
    assert "unexpected error" not in outcome.log
    # It got past the door, and both good and bad requests were among them.
    assert outcome.settled["chat", "ok", None] > 50
    assert outcome.settled["chat", "rejected", "invalid_request"] > 500
    assert outcome.settled["embeddings", "ok", None] > 5
    assert outcome.settled["models", "rejected", "invalid_api_key"] > 0
    assert outcome.settled["other", "rejected", "method_not_allowed"] > 0
