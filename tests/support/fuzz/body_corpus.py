"""Valid request bodies, every documented feature of chat completions and embeddings at least once."""

from typing import Any

_HI = [{"role": "user", "content": "hi"}]
_SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "number", "minimum": 0.5}},
    "required": ["a"],
    "additionalProperties": False,
}
_FUNCTION = {"name": "sum", "description": "adds", "parameters": _SCHEMA, "strict": True}
_TOOL = {"type": "function", "function": _FUNCTION}
_CUSTOM = {"type": "custom", "custom": {"name": "sh", "description": "a shell", "format": {"type": "text"}}}
_CALL = {"id": "call_a", "type": "function", "function": {"name": "sum", "arguments": '{"a": 1}'}}

CHATS: dict[str, dict[str, Any]] = {
    "plain": {"model": "m", "messages": _HI},
    "no model": {"messages": _HI},
    "roles": {
        "model": "openai/gpt",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}], "name": "dev"},
            {"role": "user", "content": "sum 1", "name": "ann"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL], "refusal": None},
            {"role": "tool", "tool_call_id": "call_a", "content": "1"},
            {"role": "assistant", "content": [{"type": "text", "text": "1"}, {"type": "refusal", "refusal": "no"}]},
            {"role": "function", "name": "sum", "content": None},
        ],
        "tools": [_TOOL, _CUSTOM],
    },
    "parts": {
        "model": "m",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what is it? \u2028 \U0001f600 \x7f"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                    {"type": "video_url", "video_url": {"url": "https://example.test/v"}},
                ],
            }
        ],
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
    },
    "tools": {
        "model": "m", "messages": _HI, "tools": [_TOOL, _CUSTOM], "parallel_tool_calls": False,
        "tool_choice": {"type": "function", "function": {"name": "sum"}},
    },
    "legacy functions": {"model": "m", "messages": _HI, "functions": [_FUNCTION], "function_call": {"name": "sum"}},
    "numbers": {
        "model": "m", "messages": _HI, "temperature": 0.1, "top_p": 1, "n": 2, "seed": -9223372036854775808, "max_tokens": 10,
        "max_completion_tokens": 2147483648, "frequency_penalty": -2, "presence_penalty": 1.5e0, "top_logprobs": 20, "logprobs": True,
        "logit_bias": {"50256": -100, "1": 0.5},
    },
    "a schema": {
        "model": "m", "messages": _HI,
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": _SCHEMA, "strict": True}},
    },
    "words": {
        "model": "m", "messages": _HI, "stop": ["a", "\n"], "user": "u", "reasoning_effort": "low", "verbosity": "high", "service_tier": "flex",
        "metadata": {"a": "b"}, "store": False, "safety_identifier": "s", "prompt_cache_key": "k", "tool_choice": "auto", "tools": None,
        "prediction": {"type": "content", "content": "x"}, "web_search_options": {},
    },
    "a stream": {"model": "m", "messages": _HI, "stream": True, "stream_options": {"include_usage": False, "include_obfuscation": False}},
    "a plain stream": {"model": "m", "messages": _HI, "stream": True, "n": 1},
    "unknown fields": {
        "model": "m", "messages": [{"role": "user", "content": "hi", "cache_control": {"type": "ephemeral"}}], "top_k": 40,
        "x_big": 123456789012345678901234567890, "x_small": 1.0e-7, "x_exact": 0.10000000000000000001, "x_deep": [[[[{"a": [1, {"b": None}]}]]]],
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "": 1, "\u00fc\u2028": "\U0001f600",
    },
}  # fmt: skip

EMBEDDINGS: dict[str, dict[str, Any]] = {
    "a text": {"model": "e", "input": "hi", "encoding_format": "float", "dimensions": 256, "user": "u"},
    "texts": {"model": "e", "input": ["a", "b", "\u00e4"], "encoding_format": "base64"},
    "tokens": {"input": [1, 2, 3]},
    "lists of tokens": {"model": "e", "input": [[1], [2, 3]], "input_type": "query"},
}
