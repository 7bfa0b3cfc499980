"""Answers that call tools. Arguments are a smallest value that the tool's own schema allows."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from adapters.chat_provider.fake.instance import instance
from adapters.chat_provider.fake.prompt import question
from domain.model.chat import (
    ChatParameters,
    CustomCall,
    CustomDefinition,
    FunctionCall,
    FunctionDefinition,
    NamedFunction,
    NamedTool,
    ToolCall,
)
from domain.model.completion import FinishReason, Reply
from domain.model.errors import InvalidRequest

_GET_TIME = FunctionDefinition(name="get_time")

_Definition = FunctionDefinition | CustomDefinition
_Named = TypeVar("_Named", FunctionDefinition, _Definition)


class Draft(Struct, frozen=True):
    """What a model would say if nothing limited it, and why it would end. Its tool calls have no ids yet."""

    reply: Reply
    finish_reason: FinishReason = "stop"


def may_call(parameters: ChatParameters) -> bool:
    """Whether the request offers something to call, and allows it."""
    if _tools(parameters):
        return parameters.tool_choice != "none"
    return bool(parameters.functions) and parameters.function_call != "none"


def one_call(parameters: ChatParameters) -> Draft:
    """A call of the tool that was asked for, else of the first; of `get_time` where there is none.

    Raises InvalidRequest where the tool asked for is not there, or its schema cannot be satisfied.
    """
    tools = _tools(parameters)
    if not tools and isinstance(parameters.functions, list) and parameters.functions:
        return _legacy_call(parameters, parameters.functions)
    return _calls(parameters, [_chosen(tools, _wanted(parameters), "tool_choice") if tools else _GET_TIME])


def parallel_calls(parameters: ChatParameters) -> Draft:
    """A call of every tool, two where there is but one; only one where the request forbids parallel calls."""
    tools = _tools(parameters)
    if parameters.parallel_tool_calls is False or (parameters.functions and not tools):
        return one_call(parameters)
    tools = tools or [_GET_TIME]
    return _calls(parameters, tools if len(tools) > 1 else tools * 2)


def _tools(parameters: ChatParameters) -> list[_Definition]:
    tools = parameters.tools if isinstance(parameters.tools, list) else []
    definitions = (tool.custom if tool.type == "custom" else tool.function for tool in tools)
    return [definition for definition in definitions if isinstance(definition, _Definition)]


def _wanted(parameters: ChatParameters) -> str | None:
    choice = parameters.tool_choice
    named = (choice.custom or choice.function) if isinstance(choice, NamedTool) else None
    return named.name if isinstance(named, NamedFunction) else None


def _chosen(tools: Sequence[_Named], name: str | None, param: str) -> _Named:
    for tool in tools:
        if name in {None, tool.name}:
            return tool
    raise InvalidRequest("The tool asked for is not among the request's tools.", param=param)


def _calls(parameters: ChatParameters, tools: list[_Definition]) -> Draft:
    return Draft(Reply(tool_calls=tuple(_call(parameters, tool) for tool in tools)), "tool_calls")


def _call(parameters: ChatParameters, tool: _Definition) -> ToolCall:
    if isinstance(tool, CustomDefinition):
        return ToolCall(id="", type="custom", custom=CustomCall(name=tool.name, input=question(parameters)))
    return ToolCall(id="", function=FunctionCall(name=tool.name, arguments=_arguments(tool, "tools")))


def _legacy_call(parameters: ChatParameters, functions: list[FunctionDefinition]) -> Draft:
    choice = parameters.function_call
    name = choice.name if isinstance(choice, NamedFunction) else None
    function = _chosen(functions, name, "function_call")
    call = FunctionCall(name=function.name, arguments=_arguments(function, "functions"))
    return Draft(Reply(function_call=call), "function_call")


def _arguments(function: FunctionDefinition, param: str) -> str:
    value = instance(function.parameters, param)
    # Arguments are an object by definition, whatever a loose schema would allow.
    return msgspec.json.encode(value if isinstance(value, dict) else {}).decode()
