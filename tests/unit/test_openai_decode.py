"""Whole answers as providers really send them, mended into what OpenAI promises its clients. Shapes seen 2026-11."""

import json
from typing import Any

import msgspec
import pytest

from adapters.dialects.openai.decode import decode_completion
from adapters.dialects.openai.usage import nano_usd, read_and_mend_usage
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
        answer({"tool_calls": [{"id": "a", "function": {"arguments": "{}"}}]}, "tool_calls"),
        answer({"tool_calls": [{"id": "a", "function": {"name": "", "arguments": "{}"}}]}, "tool_calls"),
        answer({"tool_calls": [{"id": "a"}]}, "tool_calls"),
        answer({"tool_calls": [{"id": "a", "custom": {"input": "ls"}}]}, "tool_calls"),
        answer({"function_call": {"arguments": "{}"}}, "function_call"),
        b'{"choices":[{"index":0,"message":{},"finish_reason":"stop"},{"index":0,"message":{},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":1,"message":{},"finish_reason":"stop"},{"message":{},"finish_reason":"stop"}]}',
    ],
)
def test_what_is_no_answer_is_invalid(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        decode(body)


def test_an_answer_that_ended_in_an_error_failed() -> None:
    with pytest.raises(UpstreamFailed):
        decode(answer(finish="error"))


@pytest.mark.parametrize(
    ("text", "nano"),
    [("1.35e-05", 13_500), ("0", 0), ("0.000000001", 1), ("12", 12 * 10**9), ("-1", None), ("nan", None), ("inf", None), ("1e30", None), ("", None), ("free", None)],
)  # fmt: skip
def test_prices_become_whole_nano_dollars_or_nothing(text: str, nano: int | None) -> None:
    assert nano_usd(text) == nano


@pytest.mark.parametrize(
    ("told", "travels"),
    [
        ({}, {"total_tokens": 5}),
        ({"total_tokens": "5"}, {"total_tokens": 5}),
        ({"total_tokens": 4}, {"total_tokens": 5}),
        ({"total_tokens": 5.5}, {"total_tokens": 5}),
        ({"total_tokens": 10**30}, {"total_tokens": 5}),
        ({"total_tokens": 7, "cost": 1}, {"total_tokens": 7, "cost": 1}),
        (
            {"total_tokens": 5, "prompt_tokens_details": {"cached_tokens": -1, "audio_tokens": 0}},
            {"total_tokens": 5, "prompt_tokens_details": {"audio_tokens": 0}},
        ),
        (
            {"completion_tokens_details": {"reasoning_tokens": 2**50}, "prompt_tokens_details": None},
            {"total_tokens": 5, "completion_tokens_details": {}, "prompt_tokens_details": None},
        ),
    ],
)
def test_a_usage_is_mended_where_its_counts_are_right(told: dict[str, Any], travels: dict[str, Any]) -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    usage, document = read_and_mend_usage(msgspec.Raw(json.dumps(counts | told).encode()))
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (3, 2)
    assert document is not None
    assert json.loads(bytes(document)) == counts | travels


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


def calling(more: dict[str, Any], arguments: str = "{}") -> dict[str, Any]:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {**RIGHT_MESSAGE, "tool_calls": [{**call, **more}]}


SHELL = {"id": "a", "type": "function", "function": None, "custom": {"name": "sh"}}
SHELL_RIGHT = {"id": "a", "type": "custom", "custom": {"name": "sh", "input": ""}}


@pytest.mark.parametrize(
    "document",
    [
        RIGHT,
        with_choice(RIGHT_CHOICE),
        {**RIGHT, "usage": {**USED, "total_tokens": 9, "prompt_tokens_details": None, "x": {}}},
        {**RIGHT, "usage": {**USED, "completion_tokens_details": {}}},
        with_message({**RIGHT_MESSAGE, "function_call": {"name": "f", "arguments": "{}"}}),
    ],
)
def test_a_right_answer_travels_as_the_bytes_it_came_in(document: dict[str, Any]) -> None:
    odd = json.dumps(document, indent=1).encode()
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
        ({**RIGHT, "usage": {"prompt_tokens": 3}}, without(RIGHT, "usage")),
        ({**RIGHT, "usage": without(USED, "total_tokens")}, RIGHT),
        (with_choice(without(RIGHT_CHOICE, "index")), with_choice(RIGHT_CHOICE)),
        (with_choice({**RIGHT_CHOICE, "index": 1}) | {"choices": [{**RIGHT_CHOICE, "index": None}]}, RIGHT),
        (with_choice(without(RIGHT_CHOICE, "logprobs")), with_choice(RIGHT_CHOICE)),
        (with_choice({**RIGHT_CHOICE, "finish_reason": "eos"}), with_choice(RIGHT_CHOICE)),
        (with_message(without(RIGHT_MESSAGE, "role")), with_message(RIGHT_MESSAGE)),
        (with_message({**RIGHT_MESSAGE, "role": "user"}), with_message(RIGHT_MESSAGE)),
        (with_message(without(RIGHT_MESSAGE, "content")), with_message({**RIGHT_MESSAGE, "content": None})),
        (with_message(without(RIGHT_MESSAGE, "refusal")), with_message(RIGHT_MESSAGE)),
        (with_message({**RIGHT_MESSAGE, "tool_calls": None}), with_message(RIGHT_MESSAGE)),
        (with_message({**RIGHT_MESSAGE, "tool_calls": []}), with_message(RIGHT_MESSAGE)),
        (with_message(calling({"type": "tool"})), with_message(calling({}))),
        (with_message(calling({"type": None, "custom": None})), with_message(calling({}))),
        (with_message(calling({"function": {"name": "f"}})), with_message(calling({}, ""))),
        (with_message(calling({"function": {"name": "f", "arguments": None}})), with_message(calling({}, ""))),
        (with_message({**RIGHT_MESSAGE, "tool_calls": [SHELL]}), with_message({**RIGHT_MESSAGE, "tool_calls": [SHELL_RIGHT]})),
        (with_message({**RIGHT_MESSAGE, "function_call": {"name": "f"}}), with_message({**RIGHT_MESSAGE, "function_call": {"name": "f", "arguments": ""}})),
    ],
)  # fmt: skip
def test_whatever_is_not_right_is_mended(wrong: dict[str, Any], right: dict[str, Any]) -> None:
    assert decode(json.dumps(wrong).encode())[1] == right
