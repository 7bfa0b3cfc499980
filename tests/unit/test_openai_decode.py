"""Whole answers as providers really send them, mended into what OpenAI promises its clients. Shapes seen 2026-11."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.openai.decode import decode_completion, decode_embeddings, pack, unpack
from adapters.dialects.openai.usage import nano_usd
from domain.model.completion import Completion, Provenance
from domain.model.errors import UpstreamFailed, UpstreamInvalid

ORIGIN = Provenance(provider="p", model="asked", upstream_id="up-1")


def answer(message: Any = None, finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message or {"role": "assistant", "content": "Hi"}, "finish_reason": finish}
    return json.dumps(
        {"id": "c", "created": 7, "model": "m", "object": "chat.completion", "choices": [choice], **more}
    ).encode()


def decode(body: bytes) -> tuple[Completion, dict[str, Any]]:
    completion = decode_completion(body, ORIGIN, 99.5)
    assert completion.carried is not None
    return completion, json.loads(completion.carried.body)


def test_what_is_missing_is_added_and_what_is_unknown_is_kept() -> None:
    completion, document = decode(answer({"content": "Hi", "x_vendor": 1}, citations=["a"]))
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "Hi", "refusal": None, "x_vendor": 1}
    assert document["choices"][0]["logprobs"] is None
    assert document["citations"] == ["a"]
    assert completion.usage.source == "unknown"


def test_an_answer_without_head_gets_one() -> None:
    completion, document = decode(json.dumps({"choices": json.loads(answer())["choices"]}).encode())
    assert (document["id"], document["created"], document["model"]) == ("chatcmpl-up-1", 99, "asked")
    assert completion.id == document["id"]


@pytest.mark.parametrize("calls", [None, []])
def test_no_tool_calls_are_no_field(calls: Any) -> None:
    _, document = decode(answer({"role": "assistant", "content": "Hi", "tool_calls": calls}))
    assert "tool_calls" not in document["choices"][0]["message"]


def test_tool_calls_without_id_or_type_get_them() -> None:
    function = {"name": "f", "arguments": "{}"}
    completion, document = decode(
        answer(
            {
                "content": None,
                "tool_calls": [
                    {"id": "", "function": function},
                    {"id": "b", "type": "function", "function": function},
                ],
            },
            "tool_calls",
        )
    )
    assert [call["id"] for call in document["choices"][0]["message"]["tool_calls"]] == ["call_0", "b"]
    assert document["choices"][0]["message"]["tool_calls"][0]["type"] == "function"
    assert [call.id for call in completion.choices[0].reply.tool_calls] == ["call_0", "b"]


@pytest.mark.parametrize(
    "usage", [None, "many", {"prompt_tokens": -1, "completion_tokens": 10**18}, {"prompt_tokens": "3"}]
)
def test_usage_of_nonsense_is_unknown_and_not_passed_on(usage: Any) -> None:
    completion, document = decode(answer(usage=usage))
    assert completion.usage.source == "unknown"
    assert "usage" not in document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"choices":[]}',
        b'{"choices":null}',
        answer(finish=None),
        answer(finish=""),
        b'{"choices":[{"message":{"content":"x"}}]}',
        b'{"choices":[{"message":{"content":5},"finish_reason":"stop"}]}',
        b'{"choices":[{"message":{"content":"\xff"},"finish_reason":"stop"}]}',
    ],
)
def test_what_is_no_answer_is_invalid(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        decode(body)


def test_an_answer_that_ended_in_an_error_failed() -> None:
    with pytest.raises(UpstreamFailed):
        decode(answer(finish="error"))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=20))
def test_vectors_survive_packing(numbers: list[float]) -> None:
    assert list(unpack(pack(numbers))) == numbers


@pytest.mark.parametrize("bad", ["not base64!", "AAA=", "AAAAAAA="])
def test_a_malformed_packed_vector_is_invalid(bad: str) -> None:
    with pytest.raises(UpstreamInvalid):
        unpack(bad)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data":[]}', b'{"data":[{"index":0}]}', b'{"data":[{"embedding":"x"}]}']
)
def test_what_holds_no_embedding_is_invalid(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        decode_embeddings(body, ORIGIN, "float")


def test_embeddings_come_in_the_order_of_their_indexes() -> None:
    body = json.dumps({"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]}).encode()
    assert [item.vector for item in decode_embeddings(body, ORIGIN, "float").vectors] == [(1.0,), (2.0,)]


@pytest.mark.parametrize(
    ("text", "nano"),
    [("1.35e-05", 13_500), ("0", 0), ("0.000000001", 1), ("12", 12 * 10**9), ("-1", None), ("nan", None), ("inf", None), ("1e30", None), ("", None), ("free", None)],
)  # fmt: skip
def test_prices_become_whole_nano_dollars_or_nothing(text: str, nano: int | None) -> None:
    assert nano_usd(text) == nano


USED = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
RIGHT_MESSAGE: dict[str, Any] = {"role": "assistant", "content": "Hi", "refusal": None, "annotations": []}
RIGHT_CHOICE: dict[str, Any] = {"index": 0, "message": RIGHT_MESSAGE, "logprobs": None, "finish_reason": "stop"}
RIGHT: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 7,
    "model": "m",
    "choices": [RIGHT_CHOICE],
    "usage": USED,
}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in fields.items() if each != name}


def with_choice(choice: dict[str, Any]) -> dict[str, Any]:
    return {**RIGHT, "choices": [RIGHT_CHOICE, {**choice, "index": 1} if "index" in choice else choice]}


def with_message(message: dict[str, Any]) -> dict[str, Any]:
    return with_choice({**RIGHT_CHOICE, "message": message})


def test_a_right_answer_travels_as_the_bytes_it_came_in() -> None:
    odd = json.dumps(RIGHT, indent=1).encode()
    completion = decode_completion(odd, ORIGIN, 99.5)
    assert completion.carried is not None
    assert completion.carried.body == odd


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (without(RIGHT, "id"), {**RIGHT, "id": "chatcmpl-up-1"}),
        (without(RIGHT, "object"), RIGHT),
        ({**RIGHT, "object": "text_completion"}, RIGHT),
        ({**RIGHT, "created": 7.9}, RIGHT),
        (without(RIGHT, "created"), {**RIGHT, "created": 99}),
        ({**RIGHT, "model": None}, {**RIGHT, "model": "asked"}),
        ({**RIGHT, "usage": None}, without(RIGHT, "usage")),
        ({**RIGHT, "usage": {"prompt_tokens": -3}}, without(RIGHT, "usage")),
        (with_choice(without(RIGHT_CHOICE, "index")), with_choice(RIGHT_CHOICE)),
        (with_choice(without(RIGHT_CHOICE, "logprobs")), with_choice(RIGHT_CHOICE)),
        (with_choice({**RIGHT_CHOICE, "finish_reason": "eos"}), with_choice(RIGHT_CHOICE)),
        (with_message(without(RIGHT_MESSAGE, "role")), with_message(RIGHT_MESSAGE)),
        (with_message(without(RIGHT_MESSAGE, "content")), with_message({**RIGHT_MESSAGE, "content": None})),
        (with_message(without(RIGHT_MESSAGE, "refusal")), with_message(RIGHT_MESSAGE)),
        (with_message({**RIGHT_MESSAGE, "tool_calls": None}), with_message(RIGHT_MESSAGE)),
        (with_message({**RIGHT_MESSAGE, "tool_calls": []}), with_message(RIGHT_MESSAGE)),
    ],
)
def test_whatever_is_not_right_is_mended(wrong: dict[str, Any], right: dict[str, Any]) -> None:
    assert decode(json.dumps(wrong).encode())[1] == right
