"""What a provider can do wrong with a whole answer, whose length is right."""

import json
from collections.abc import Callable

from support.simulation.answers import FOREVER, Answer, Draft, Move, head, whole_body, with_length


def _wrong(draft: Draft, body: bytes) -> Answer:
    return Answer(acts=with_length(draft, body), status=502, may=False)


def half(draft: Draft) -> Answer:
    """Half a document."""
    body, _ = whole_body(draft)
    return _wrong(draft, body[: draft.dice.randint(0, len(body) - 1)])


def empty_list(draft: Draft) -> Answer:
    """Nothing where the answer should be."""
    return _wrong(draft, b'{"id":"x","choices":[],"data":[]}')


def no_reason(draft: Draft) -> Answer:
    """Does not say why it ended; or an embedding without a vector."""
    body = json.loads(whole_body(draft)[0])
    for part in body.get("choices", body.get("data")):
        part.pop("finish_reason", None)
        part.pop("embedding", None)
    return _wrong(draft, json.dumps(body).encode())


def invalid_utf8(draft: Draft) -> Answer:
    """Bytes that are no text."""
    return _wrong(draft, whole_body(draft)[0].replace(b'"model": "', b'"model": "\xff\xfe'))


def until_closed(draft: Draft) -> Answer:
    """A right answer whose end is the end of the connection."""
    body, texts = whole_body(draft)
    return Answer(acts=[head(draft, "200 OK", "application/json", "connection: close"), body], texts=texts, tail=[Move.CLOSE])  # fmt: skip


def until_reset(draft: Draft) -> Answer:
    """The same, and the connection breaks: nobody can say whether that was all."""
    start = head(draft, "200 OK", "application/json", "connection: close")
    return Answer(acts=[start, whole_body(draft)[0], Move.RESET], status=502, may=False)


def shorter_than_said(draft: Draft) -> Answer:
    """A length that never comes."""
    body, _ = whole_body(draft)
    start = head(draft, "200 OK", "application/json", f"content-length: {len(body) + 9}")
    return Answer(acts=[start + body, FOREVER], status=504, may=False)


WHOLE_FAULTS: dict[str, Callable[[Draft], Answer]] = {
    "half a document": half,
    "empty list": empty_list,
    "no reason": no_reason,
    "invalid utf-8": invalid_utf8,
    "until closed": until_closed,
    "until reset": until_reset,
    "shorter than said": shorter_than_said,
}
