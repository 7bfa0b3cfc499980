"""The fake provider: every model of its table, streamed and whole, on a clock that a test owns."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.chat_provider.fake import words
from adapters.chat_provider.fake.models import MODELS, FakeModel
from adapters.chat_provider.fake.provider import FakeChatProvider
from adapters.model_catalog.fake import FakeModelCatalog
from domain.model import errors
from domain.model.catalogue import Deployment
from domain.model.stream import Chunk, fold
from ports.model_catalog import ModelCatalog
from support.fake_chats import CALL, CUSTOM_TOOL, TOOL, WEATHER, FastClock, asked, batches, reply, streamed, whole
from support.manual_clock import ManualClock

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "fake-provider.md"
ANSWERING = [model.name for model in MODELS if model.failure is None and "chat" in model.capabilities]
FAILING = [model for model in MODELS if model.failure is not None and model.failure.error is not None]

REQUESTS = {
    "plain": asked(),
    "tools": asked(tools=[TOOL, CUSTOM_TOOL], n=2),
    "functions": asked(functions=[TOOL["function"]]),
    "limits": asked(max_tokens=3, stop=["please"], n=3),
    "empty text": asked({"role": "user", "content": ""}),
    "spaces": asked({"role": "user", "content": "  two \n\n words\t "}),
}


@pytest.mark.parametrize("name", [*ANSWERING, "pace-1ms"])
@pytest.mark.parametrize("request_name", REQUESTS)
async def test_a_stream_adds_up_to_the_whole_answer(name: str, request_name: str) -> None:
    request = REQUESTS[request_name]
    answer = await whole(name, request)
    assert fold(await streamed(name, request), answer.provenance) == answer
    assert answer == await whole(name, request)
    assert answer.model == answer.provenance.model == f"fake/{name}"
    assert re.fullmatch(r"chatcmpl-fake-[0-9a-f]{24}", answer.id)
    assert len(answer.choices) == (request.parameters.n or 1)


async def test_a_stream_comes_in_several_batches_word_by_word() -> None:
    seen = [batch async for batch in batches("long", asked())]
    assert [len(seen[0]), max(map(len, seen))] == [1, 16]
    contents = [delta.content for batch in seen for chunk in batch for delta in chunk.deltas if delta.content]
    assert len(contents) == 2000
    assert all(len(content.split()) == 1 for content in contents)


async def test_echo_repeats_the_last_user_message() -> None:
    history = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "First"})
    request = asked(*history, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Second one"})
    answer = await whole("echo", request)
    assert answer.choices[0].reply.content == "Second one"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (6, 2)


async def test_echo_shows_that_a_picture_arrived() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    request = asked({"role": "user", "content": [{"type": "text", "text": "Look:"}, picture]})
    assert (await reply("echo", request)).content == "Look:\n[image_url]"


async def test_echo_answers_in_the_format_asked_for() -> None:
    by_schema = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER}}
    assert (await reply("echo", asked(response_format=by_schema))).content == '{"city":"text","days":1}'
    loose = await reply("echo", asked(response_format={"type": "json_object"}))
    assert loose.content == '{"answer":"Say three words, please."}'


@pytest.mark.parametrize(
    ("fields", "content", "reason"),
    [
        ({"max_tokens": 2}, "Say three", "length"),
        ({"max_completion_tokens": 1, "max_tokens": 3}, "Say", "length"),
        ({"max_tokens": 4}, "Say three words, please.", "stop"),
        ({"stop": " words"}, "Say three", "stop"),
        ({"stop": ["none", "", "ple", "words"]}, "Say three ", "stop"),
        ({"stop": "words", "max_tokens": 1}, "Say", "length"),
    ],
)
async def test_limits_are_kept(fields: dict[str, Any], content: str, reason: str) -> None:
    choice = (await whole("echo", asked(**fields))).choices[0]
    assert (choice.reply.content, choice.finish_reason) == (content, reason)


async def test_reasoning_is_shown_counted_and_limited() -> None:
    answer = await whole("reasoning", asked(n=2))
    thought = answer.choices[0].reply.reasoning
    assert thought is not None
    assert answer.usage.reasoning_tokens == 2 * words.count(thought)
    assert answer.usage.output_tokens == 2 * (words.count(thought) + 4)
    cut = (await whole("reasoning", asked(max_tokens=2))).choices[0]
    assert (cut.reply.reasoning, cut.reply.content, cut.finish_reason) == ("The user", "", "length")


@pytest.mark.parametrize(
    ("name", "reason"), [("length", "length"), ("content-filter", "content_filter"), ("empty", "stop")]
)
async def test_models_that_end_in_their_own_way(name: str, reason: str) -> None:
    choice = (await whole(name, asked())).choices[0]
    assert choice.finish_reason == reason
    assert bool(choice.reply.content) == (name != "empty")


async def test_a_refusal_is_no_content() -> None:
    said = await reply("refusal", asked())
    assert said.refusal
    assert said.content is None


async def test_unknown_usage_is_unknown() -> None:
    assert (await whole("no-usage", asked())).usage.source == "unknown"
    assert all(chunk.usage is None for chunk in await streamed("no-usage", asked()))


async def test_another_request_gets_another_id_but_streaming_does_not_matter() -> None:
    answer = await whole("echo", asked())
    assert (await whole("echo", asked(stream=True))).id == answer.id
    assert (await whole("echo", asked(seed=1))).id != answer.id
    assert (await whole("canned", asked())).id != answer.id


@pytest.mark.parametrize(
    ("name", "due"),
    [
        ("slow", [0.0, 1.0, 1.2, 1.4, 1.6, 1.6, 1.6]),
        ("pace-250ms", [0.0, *(0.25 * word for word in range(1, 65)), 16.0, 16.0]),
    ],
)
async def test_paced_models_keep_their_pace(name: str, due: list[float]) -> None:
    clock = FastClock()
    seen = [(clock.now(), len(batch)) async for batch in batches(name, asked(), clock)]
    assert [at for at, _ in seen] == pytest.approx(due)
    assert {size for _, size in seen} == {1}
    await FakeChatProvider(clock).complete(asked(), Deployment("fake", name), CALL)
    assert clock.now() == pytest.approx(2 * due[-1])


@pytest.mark.parametrize("model", FAILING, ids=lambda model: model.name)
async def test_failures_are_raised_whole_and_streamed(model: FakeModel) -> None:
    failure = model.failure
    assert failure is not None
    assert failure.error is not None
    kind = type(failure.error())
    with pytest.raises(kind):
        await whole(model.name, asked())
    seen: list[Chunk] = []

    async def read() -> None:
        async for batch in batches(model.name, asked()):
            seen.extend(batch)

    if failure.silent:
        await read()
    else:
        with pytest.raises(kind):
            await read()
    assert len(seen) == (9 if failure.where == "middle" else 0)
    assert not any(delta.finish_reason for chunk in seen for delta in chunk.deltas)


async def test_a_rate_limit_says_when_to_come_back() -> None:
    with pytest.raises(errors.UpstreamRateLimited) as caught:
        await whole("error-429", asked())
    assert caught.value.retry_after == 2.0


@pytest.mark.parametrize("name", ["hang", "hang-mid-stream"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_hangs_can_be_left(name: str, stream: bool) -> None:
    clock = ManualClock()
    seen: list[Chunk] = []

    async def read() -> None:
        if not stream:
            await FakeChatProvider(clock).complete(asked(), Deployment("fake", name), CALL)
        async for batch in batches(name, asked(), clock):
            seen.extend(batch)

    async with asyncio.timeout(5):
        task = asyncio.create_task(read())
        await clock.until_sleeping()
        clock.advance(1_000_000.0)
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert clock.sleepers == 0
    assert bool(seen) == (stream and name == "hang-mid-stream")


async def test_a_stream_can_be_left_at_any_time() -> None:
    provider = FakeChatProvider(ManualClock())
    async with provider.stream(asked(), Deployment("fake", "long"), CALL) as stream:
        assert await anext(aiter(stream))
    async with provider.stream(asked(), Deployment("fake", "slow"), CALL):
        pass


@pytest.mark.parametrize("name", ["ecko", "pace-0ms", "pace-10001ms", "pace-020ms", "pace-1ms\n"])
async def test_an_unknown_name_gets_the_nearest(name: str) -> None:
    with pytest.raises(errors.UnknownModel) as caught:
        await whole(name, asked())
    assert caught.value.nearest[0] in {"fake/echo", "fake/pace-20ms"}


async def test_a_huge_name_is_neither_echoed_nor_guessed_at() -> None:
    with pytest.raises(errors.UnknownModel) as caught:
        await whole("echo" * 10_000, asked())
    assert caught.value.nearest == ()
    assert len(caught.value.message) < 200


async def test_an_embedding_model_does_not_chat() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        await whole("embedding", asked())
    assert caught.value.param == "model"


async def test_the_catalog_lists_the_table() -> None:
    catalog: ModelCatalog = FakeModelCatalog()
    cards = await catalog.list_models()
    assert [card.id for card in cards] == [model.full_name for model in MODELS]
    assert catalog.offer().models == tuple(model.name for model in MODELS)
    assert all(card.provider == "fake" and card.capabilities for card in cards)
    assert await catalog.trouble() is None


def test_the_documentation_lists_every_model() -> None:
    rows = [line for line in DOCUMENTATION.read_text().splitlines() if line.startswith("| `fake/")]
    assert rows == [f"| `{model.full_name}` | {model.does} |" for model in MODELS]
