"""Streams as providers really send them, normalised into one shape. Shapes seen 2026-11."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.litellm.errors import classify
from adapters.dialects.openai.stream import ChatStreamDecoder
from domain.model.errors import UpstreamFailed, UpstreamInvalid, UpstreamTruncated
from domain.model.stream import Chunk
from domain.policies.completeness import StreamTally

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m"}


def event(choices: list[Any], **more: Any) -> bytes:
    return b"data: " + json.dumps({**HEAD, "choices": choices, **more}).encode() + b"\n\n"


def choice(delta: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish, **more}


ROLE = event([choice({"role": "assistant", "content": ""})])
TEXT = event([choice({"content": "Hello"})])
STOP = event([choice({}, "stop")])
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
DONE = b"data: [DONE]\n\n"
CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "é"}}


def decoder() -> ChatStreamDecoder:
    return ChatStreamDecoder("asked", 1.0, 1 << 20, classify)


def run(*parts: bytes) -> list[Chunk]:
    it = decoder()
    chunks = [chunk for part in parts for chunk in it.feed(part)]
    return chunks + it.close()


def documents(chunks: list[Chunk]) -> list[dict[str, Any]]:
    return [json.loads(chunk.carried.body) for chunk in chunks if chunk.carried is not None]


def whole(chunks: list[Chunk]) -> StreamTally:
    tally = StreamTally()
    for chunk in chunks:
        tally.see(chunk)
    tally.require_whole()
    return tally


def test_a_right_chunk_is_relayed_as_the_bytes_it_came_in() -> None:
    odd = b'{"choices": [{"finish_reason":null,"delta":{"role":"assistant","content":"x"},"index":0}],"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","zz":1.50}'
    assert run(b"data: " + odd + b"\n\n")[0].carried.body == odd  # type: ignore[union-attr] # shown by the index


def test_a_missing_finish_reason_is_added_as_null() -> None:
    bare = b'data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n'
    document = documents(run(bare))[0]
    assert document["choices"][0]["finish_reason"] is None
    assert document["choices"][0]["delta"] == {"role": "assistant", "content": "Hel"}


def test_the_role_comes_once_a_choice_whoever_repeats_or_forgets_it() -> None:
    repeated = run(
        event([choice({"role": "assistant", "content": "a"})]), event([choice({"role": "assistant", "content": "b"})])
    )
    assert [document["choices"][0]["delta"] for document in documents(repeated)] == [
        {"role": "assistant", "content": "a"},
        {"content": "b"},
    ]
    forgotten = documents(run(TEXT))[0]
    assert forgotten["choices"][0]["delta"] == {"role": "assistant", "content": "Hello"}


def test_usage_comes_once_and_last_wherever_it_was() -> None:
    on_finish = run(ROLE, TEXT, event([choice({}, "stop")], usage=USAGE), DONE)
    cumulative = run(
        event([choice({"role": "assistant", "content": "x"})], usage={"prompt_tokens": 3, "completion_tokens": 1}),
        event([choice({}, "stop")], usage=USAGE),
        DONE,
    )
    alone = run(ROLE, TEXT, STOP, event([], usage=USAGE), event([]), DONE)
    for chunks in (on_finish, cumulative, alone):
        assert [chunk.usage is not None for chunk in chunks].count(True) == 1
        last = chunks[-1]
        assert last.usage is not None
        assert (last.usage.input_tokens, last.usage.output_tokens) == (3, 2)
        document = documents(chunks)[-1]
        assert document["choices"] == []
        assert document["usage"]["total_tokens"] == 5
        whole(chunks)


def test_usage_of_nonsense_is_unknown_and_not_passed_on() -> None:
    chunks = run(ROLE, STOP, event([], usage={"prompt_tokens": "many", "completion_tokens": -1}), DONE)
    assert whole(chunks).usage.source == "unknown"
    assert not any("many" in str(document) for document in documents(chunks))


def test_a_repeated_finish_reason_and_what_follows_it_are_dropped() -> None:
    chunks = run(ROLE, TEXT, STOP, event([choice({"role": "assistant", "content": ""}, "stop")], usage=USAGE), DONE)
    finishes = [document["choices"][0]["finish_reason"] for document in documents(chunks) if document["choices"]]
    assert finishes == [None, None, "stop"]


def test_nothing_after_the_end_mark_counts() -> None:
    assert len(run(ROLE, STOP, DONE, TEXT, DONE)) == 2


def test_a_first_chunk_without_head_or_choices_does_not_name_the_answer() -> None:
    azure = b'data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}\n\n'
    chunks = run(azure, ROLE, STOP, DONE)
    assert {(chunk.id, chunk.created, chunk.model) for chunk in chunks} == {("c1", 7, "m")}


def test_every_chunk_has_the_same_head() -> None:
    other = ROLE.replace(b'"c1"', b'"c2"').replace(b"7", b"8")
    assert {document["id"] for document in documents(run(ROLE, other, STOP))} == {"c1"}


def test_tool_calls_always_have_index_id_and_type() -> None:
    calls = [
        [{"id": "a", "function": {"name": "f", "arguments": "{"}}],
        [{"id": "", "function": {"arguments": "}"}}],
        [{"id": "b", "function": {"name": "g", "arguments": "{}"}}],
    ]
    chunks = run(*(event([choice({"tool_calls": call})]) for call in calls), event([choice({}, "tool_calls")]), DONE)
    sent = [document["choices"][0]["delta"]["tool_calls"][0] for document in documents(chunks)[:3]]
    assert [(call["index"], call.get("id")) for call in sent] == [(0, "a"), (0, None), (1, "b")]
    assert sent[0]["type"] == "function"
    nameless = run(
        event([choice({"tool_calls": [{"index": 0, "id": None, "function": {"name": "f", "arguments": ""}}]})])
    )
    assert documents(nameless)[0]["choices"][0]["delta"]["tool_calls"][0]["id"] == "call_0"


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        ({"type": "tool", "function": {"name": "f", "arguments": ""}}, {"type": "function", "function": {"name": "f", "arguments": ""}}),
        ({"type": "tool", "custom": {"name": "f", "input": ""}}, {"type": "custom", "custom": {"name": "f", "input": ""}}),
        ({"function": {"arguments": ""}}, {"type": "function", "function": {"arguments": ""}}),
        ({"type": "custom", "id": ""}, {"id": "call_0", "type": "custom", "custom": {"input": ""}}),
    ],
)  # fmt: skip
def test_a_call_that_begins_has_a_type_that_there_is(call: dict[str, Any], sent: dict[str, Any]) -> None:
    chunks = run(event([choice({"role": "assistant", "tool_calls": [{"index": 0, "id": "a", **call}]})]))
    assert documents(chunks)[0]["choices"][0]["delta"]["tool_calls"] == [{"index": 0, "id": "a", **sent}]


def test_a_later_piece_of_a_call_has_no_type_or_a_right_one() -> None:
    more = {"index": 0, "function": {"arguments": "x"}}
    for kind, sent in (("tool", more), (None, {**more, "type": None}), ("function", {**more, "type": "function"})):
        chunks = run(
            event([choice({"role": "assistant", "tool_calls": [CALL]})]),
            event([choice({"tool_calls": [{**more, "type": kind}]})]),
        )
        assert documents(chunks)[1]["choices"][0]["delta"]["tool_calls"] == [sent]


@pytest.mark.parametrize("name", [None, "", "chat.completion", "text_completion"])
def test_every_chunk_calls_itself_a_chunk(name: str | None) -> None:
    chunks = run(ROLE, event([choice({"content": "x"})], object=name), event([choice({}, "stop")], object=name))
    assert {document["object"] for document in documents(chunks)} == {"chat.completion.chunk"}


@pytest.mark.parametrize(
    ("told", "travels"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, USAGE),
        ({**USAGE, "total_tokens": "5"}, USAGE),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": -1}}, {**USAGE, "prompt_tokens_details": {}}),
    ],
)
def test_the_usage_is_mended_where_its_counts_are_right(told: dict[str, Any], travels: dict[str, Any]) -> None:
    assert documents(run(ROLE, STOP, event([], usage=told), DONE))[-1]["usage"] == travels


def test_half_a_usage_is_none() -> None:
    assert all(chunk.usage is None for chunk in run(ROLE, STOP, event([], usage={"prompt_tokens": 3}), DONE))


def test_choices_may_interleave() -> None:
    chunks = run(
        event([choice({"role": "assistant", "content": "a"}, index=1)]),
        event([choice({"role": "assistant", "content": "b"}, index=0)]),
        event([choice({}, "stop", index=0)]),
        event([choice({}, "length", index=1)]),
        DONE,
    )
    assert whole(chunks).finish_reasons == ("stop", "length")


@pytest.mark.parametrize(
    ("word", "meaning"), [("eos", "stop"), ("end_turn", "stop"), ("max_tokens", "length"), ("odd", "stop")]
)
def test_finish_reasons_get_their_common_word(word: str, meaning: str) -> None:
    chunks = run(ROLE, event([choice({}, word)]))
    assert documents(chunks)[-1]["choices"][0]["finish_reason"] == meaning


def test_an_end_mark_without_finish_reason_is_no_end() -> None:
    with pytest.raises(UpstreamTruncated):
        whole(run(ROLE, TEXT, DONE))


def test_an_error_behind_text_lets_the_text_pass_first() -> None:
    it = decoder()
    chunks = it.feed(
        ROLE + TEXT + b'data: {"error":{"message":"litellm.APIConnectionError: boom","code":"500"}}\n\n' + DONE
    )
    assert len(chunks) == 2
    with pytest.raises(UpstreamFailed, match="boom"):
        it.feed(b"")


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b'data: {"id":"x","choices":[{"ind\n\n', UpstreamInvalid),
        (b"data: <html>\n\n", UpstreamInvalid),
        (b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}\n\n', UpstreamInvalid),
        (b'data: {"choices":"x"}\n\n', UpstreamInvalid),
        (b'event: error\ndata: {"error":{"message":"tool_use_failed"}}\n\n', UpstreamFailed),
        (b'error: {"detail":"x","message":"out of memory"}\n\n', UpstreamFailed),
        (b"event: error\ndata: broken\n\n", UpstreamFailed),
        (b'data: {"error":"plain text"}\n\n', UpstreamFailed),
    ],
)
def test_what_is_no_chunk_raises(bad: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        run(bad)


def test_an_event_beyond_the_limit_raises_before_it_is_whole() -> None:
    it = ChatStreamDecoder("m", 1.0, 1000, classify)
    with pytest.raises(UpstreamInvalid):
        it.feed(b"data: " + b"x" * 2000)


def test_cost_is_read_from_the_usage_in_nano_usd() -> None:
    it = decoder()
    it.feed(ROLE + STOP + event([], usage={**USAGE, "cost": 1.35e-05}) + DONE)
    assert it.cost == 13_500


STREAM = ROLE + TEXT + event([choice({"tool_calls": [CALL]})]) + STOP + event([], usage=USAGE) + DONE


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_chunks(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[start:end] for start, end in itertools.pairwise(edges)]
    assert run(*parts) == run(STREAM)


MEMBERS = json.dumps(HEAD)[1:-1]
SAID = '{"index":0,"delta":{"content":"one"}}'


@pytest.mark.parametrize(
    "text",
    [
        f'{{{MEMBERS},"choices":[{SAID}]}}',
        f'{{{MEMBERS},"choices": [ {SAID}]}}',
        f'{{"choices":[{SAID}],{MEMBERS}}}',
        f'{{{MEMBERS},"choices":[{SAID}] }}',
        f'{{{MEMBERS},"choices":[{SAID} ]}}',
        f'{{{MEMBERS},"choices":[{SAID}],"citations":[{{"url":"u"}}]}}',
        f'{{{MEMBERS},"choices":[{SAID}],"more":[{{"choices":[{{"index":0}}]}}]}}',
        f'{{{MEMBERS},"more":{{"choices":[]}},"choices":[{SAID}]}}',
        f'{{{MEMBERS},"choices" :[{SAID}]}}',
        f'{{{MEMBERS},"choi\\u0063es":[{SAID}]}}',
        f'{{{MEMBERS},"choices":[{{"index":0,"delta":{{"content":"\\"choices\\":[{{"}}}}]}}',
        f'{{{MEMBERS},"choices":[{{"delta":{{"content":"}}]}}"}},"index":0}}]}}',
    ],
)
def test_a_missing_finish_reason_is_put_where_it_belongs_whatever_the_form(text: str) -> None:
    wanted = json.loads(text)
    wanted["choices"][0]["finish_reason"] = None
    chunks = decoder().feed(ROLE + b"data: " + text.encode() + b"\n\n")
    assert documents(chunks)[1] == wanted
    assert chunks[1].deltas[0].content == wanted["choices"][0]["delta"]["content"]
