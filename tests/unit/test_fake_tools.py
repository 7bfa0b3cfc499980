"""How the fake provider calls tools, as echo and as the models made for it."""

from typing import Any

import pytest

from domain.model import errors
from domain.model.chat import CustomCall, FunctionCall, ToolCall
from support.fake_chats import CUSTOM_TOOL, OTHER_TOOL, TOOL, USER, asked, reply, streamed, whole


async def test_arguments_come_in_two_pieces_and_the_name_once() -> None:
    pieces = [
        call
        for chunk in await streamed("tool-call", asked(tools=[TOOL]))
        for delta in chunk.deltas
        for call in delta.tool_calls
    ]
    assert [piece.name for piece in pieces] == ["weather", None]
    assert "".join(piece.arguments for piece in pieces) == '{"city":"text","days":1}'


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"tools": [OTHER_TOOL, TOOL]}, "clock"),
        ({"tools": [OTHER_TOOL, TOOL], "tool_choice": "required"}, "clock"),
        (
            {"tools": [OTHER_TOOL, TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            "weather",
        ),
        ({"tools": [OTHER_TOOL, TOOL], "tool_choice": "none"}, None),
    ],
)
async def test_echo_calls_the_tool_that_was_chosen(fields: dict[str, Any], name: str | None) -> None:
    answer = await whole("echo", asked(**fields))
    assert answer.choices[0].finish_reason == ("stop" if name is None else "tool_calls")
    assert [called(call).name for call in answer.choices[0].reply.tool_calls] == ([] if name is None else [name])


def called(call: ToolCall) -> FunctionCall | CustomCall:
    assert call.id.startswith("call_")
    target = call.custom or call.function
    assert isinstance(target, FunctionCall | CustomCall)
    return target


async def test_echo_tells_what_the_tools_answered() -> None:
    said = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "weather", "arguments": "{}"}}]}
    results = [{"role": "tool", "tool_call_id": "1", "content": text} for text in ("sunny", "20 degrees")]
    request = asked(USER, said, *results, tools=[TOOL])
    assert (await reply("echo", request)).content == "The tool answered: sunny / 20 degrees"


async def test_a_tool_that_is_not_there_cannot_be_chosen() -> None:
    choice = {"type": "function", "function": {"name": "elsewhere"}}
    with pytest.raises(errors.InvalidRequest) as caught:
        await whole("echo", asked(tools=[TOOL], tool_choice=choice))
    assert caught.value.param == "tool_choice"


async def test_a_custom_tool_gets_the_users_text() -> None:
    calls = (await reply("tool-call", asked(tools=[CUSTOM_TOOL]))).tool_calls
    assert called(calls[0]) == CustomCall(name="shell", input=USER["content"])


async def test_functions_of_the_old_kind_are_called_in_the_old_way() -> None:
    answer = await whole("echo", asked(functions=[TOOL["function"]]))
    assert answer.choices[0].finish_reason == "function_call"
    assert answer.choices[0].reply.function_call == FunctionCall("weather", '{"city":"text","days":1}')
    assert (await reply("echo", asked(functions=[TOOL["function"]], function_call="none"))).function_call is None


async def test_tool_call_needs_no_tools() -> None:
    calls = (await reply("tool-call", asked())).tool_calls
    assert [called(call) for call in calls] == [FunctionCall("get_time", "{}")]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"tools": [TOOL, OTHER_TOOL]}, ["weather", "clock"]),
        ({"tools": [TOOL]}, ["weather", "weather"]),
        ({"tools": [TOOL, OTHER_TOOL], "parallel_tool_calls": False}, ["weather"]),
        ({}, ["get_time", "get_time"]),
    ],
)
async def test_parallel_calls_have_an_id_each(fields: dict[str, Any], names: list[str]) -> None:
    answer = await whole("parallel-tool-calls", asked(**fields, n=2))
    calls = [call for choice in answer.choices for call in choice.reply.tool_calls]
    assert [called(call).name for call in calls] == names * 2
    assert len({call.id for call in calls}) == len(calls)
