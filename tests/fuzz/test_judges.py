"""The judges of the campaigns are themselves judged: each lie is found, each truth passes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.fuzz.body_seeds import body_seeds, exact_json
from support.fuzz.judge import Naive, numbers, vectors_may_be_an_answer, whole_may_be_an_answer
from support.fuzz.known import KNOWN, known
from support.fuzz.published import Published, published
from support.fuzz.stream_client import Broken, Reading, error_of

HEAD = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m"}
DONE = "data: [DONE]\n\n"
ERROR = 'data: {"error":{"message":"m","type":"t","param":null,"code":"c"}}\n\n'


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, index: int = 0, **more: Any) -> str:
    choice = {"index": index, "delta": delta or {}, "finish_reason": reason}
    return f"data: {json.dumps({**HEAD, 'choices': [choice], **more})}\n\n"


FIRST = chunk({"role": "assistant", "content": "x"})
LAST = chunk(reason="stop")
USAGE = f"data: {json.dumps({**HEAD, 'choices': [], 'usage': {'prompt_tokens': 1, 'completion_tokens': 1, 'total_tokens': 2}})}\n\n"
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}


@pytest.fixture
async def document() -> AsyncIterator[Published]:
    async with body_seeds() as seeds:
        yield await published(seeds.service)


@pytest.mark.parametrize(
    "body",
    [
        FIRST + LAST + DONE,
        FIRST + LAST + USAGE + DONE,
        FIRST + ": keep-alive\n\n" + ERROR,
        ERROR,
        FIRST + chunk({"role": "assistant"}, index=1) + LAST + chunk(reason="length", index=1) + DONE,
        FIRST + chunk({"tool_calls": [CALL]}) + chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls") + DONE,
    ],
)  # fmt: skip
async def test_the_client_reads_what_keeps_every_promise(document: Published, body: str) -> None:
    reading = Reading(body.encode(), document, usage_wanted=True)
    assert reading.misfits == []
    assert reading.form in ("a", "b")


@pytest.mark.parametrize(
    "body",
    [
        "",
        FIRST,
        FIRST + LAST,
        FIRST + DONE,
        DONE,
        FIRST + chunk({"role": "assistant"}, index=1) + LAST + DONE,
        FIRST + LAST + DONE + DONE,
        FIRST + ERROR + ERROR,
        FIRST + ERROR + DONE,
        FIRST + LAST + DONE + FIRST,
        FIRST + LAST + DONE[:-1],
        FIRST + FIRST + LAST + DONE,
        chunk({"content": "x"}) + LAST + DONE,
        FIRST + LAST + LAST + DONE,
        FIRST + chunk(reason="") + DONE,
        FIRST + chunk(reason="eos") + DONE,
        FIRST + chunk(id="b") + LAST + DONE,
        FIRST + chunk(model="n") + LAST + DONE,
        FIRST + USAGE + LAST + DONE,
        FIRST + LAST + USAGE + USAGE + DONE,
        FIRST + chunk(reason="stop", usage={"prompt_tokens": 1}) + DONE,
        FIRST + chunk({"tool_calls": [{"index": 0, "function": {}}]}) + LAST + DONE,
        FIRST + chunk({"tool_calls": [{"id": "c", "type": "function", "function": {}}]}) + LAST + DONE,
        FIRST.replace("\n\n", "\r\n\r\n") + LAST + DONE,
        FIRST.replace("data: ", "data:") + LAST + DONE,
        FIRST.replace(", ", ",\ndata: ", 1) + LAST + DONE,
        FIRST.replace('"x"', "NaN") + LAST + DONE,
        FIRST + 'data: {"error":{"message":"m"}}\n\n',
        FIRST + "event: x\n\n" + LAST + DONE,
    ],
)
async def test_the_client_finds_what_breaks_one(document: Published, body: str) -> None:
    with pytest.raises(Broken):
        Reading(body.encode(), document, usage_wanted=True)


async def test_the_client_finds_invalid_utf8_usage_nobody_asked_for_and_what_is_not_published(
    document: Published,
) -> None:
    with pytest.raises(Broken, match="UTF-8"):
        Reading((FIRST + LAST + DONE).encode().replace(b'"x"', b'"\xff"'), document, usage_wanted=True)
    with pytest.raises(Broken, match="usage"):
        Reading((FIRST + LAST + USAGE + DONE).encode(), document, usage_wanted=False)
    assert Reading((FIRST.replace(".chunk", "") + LAST + DONE).encode(), document, usage_wanted=True).misfits


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (FIRST + LAST + DONE, None),
        (FIRST + LAST, None),
        ((FIRST + LAST + DONE).replace("\n", "\r\n"), None),
        ("\ufeff" + FIRST + LAST[:-2], None),
        (FIRST + DONE + LAST, "a choice without its end"),
        (FIRST + LAST + chunk({}, index=1), "a choice without its end"),
        (FIRST + chunk(reason="") + DONE, "a choice without its end"),
        (DONE, "no choice"),
        (FIRST + LAST + "data: {\n\n", "an event that is no JSON object"),
        (FIRST + LAST + 'data: {"error":{}}\n\n', "an error in a chunk"),
        (FIRST + LAST + "error: x\n\n", "an error event"),
        (FIRST + LAST + "event: error\ndata: x\n\n", "an error event"),
    ],
)
def test_the_naive_judge_of_streams(body: str, why: str | None) -> None:
    assert Naive(body.encode()).why_not_whole == why


def test_the_naive_judge_keeps_what_was_said_until_the_end() -> None:
    body = (
        FIRST
        + chunk({"content": "y", "refusal": "no"})
        + chunk({"content": "z"}, "stop")
        + chunk({"content": "late"})
        + "data: {\n\n"
    )
    assert Naive(body.encode()).texts == {(0, "content"): "xyz", (0, "refusal"): "no"}


def test_vectors_are_compared_as_they_are_packed() -> None:
    packed = {"data": [{"embedding": "AAAAPw=="}]}
    assert numbers(packed) == numbers({"data": [{"embedding": [0.5]}]}) == [[0.5]]
    assert numbers({"data": [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [0.1]}]})[1] == [1.0]


def test_the_naive_judge_of_whole_answers() -> None:
    assert whole_may_be_an_answer(b'{"choices":[{"finish_reason":"stop"}]}')
    for body in (
        b"",
        b"[]",
        b'{"choices":[]}',
        b'{"choices":[{}]}',
        b'{"choices":[{"finish_reason":"stop"},{"finish_reason":null}]}',
    ):
        assert not whole_may_be_an_answer(body)
    assert vectors_may_be_an_answer(b'{"data":[{"index":1},{"index":0}]}', 2)
    for body in (
        b'{"data":[{}]}',
        b'{"data":[{"index":0},{"index":0}]}',
        b'{"data":[{},{},{}]}',
        b'{"data":[1,2]}',
        b"{",
    ):
        assert not vectors_may_be_an_answer(body, 2)


def test_numbers_are_compared_by_their_digits_and_names_in_their_order() -> None:
    assert exact_json(b'{"a":1.0}') != exact_json(b'{"a":1}')
    assert exact_json(b'{"a":1,"b":2}') != exact_json(b'{"b":2,"a":1}')
    assert exact_json(b'{"a":1,"a":1}') != exact_json(b'{"a":1}')
    for text in (b'{"a":NaN}', b"{", b'"\xff"'):
        with pytest.raises(Broken):
            exact_json(text)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"error":{}}', '{"error":"x"}', '{"error":{"message":"","type":"t","param":null,"code":"c"}}']
)
def test_an_error_in_another_form_is_found(text: str) -> None:
    with pytest.raises(Broken):
        error_of(text)


def test_only_what_is_listed_is_known() -> None:
    assert known("FALSE END: [DONE] in spite of a choice without its end") is None
    assert known("status 500") is None
    assert all(len(reason) > 20 for reason in KNOWN.values())
