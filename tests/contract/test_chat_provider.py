"""What every chat provider promises, run over every implementation; one that cannot keep a promise says why."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from msgspec import Struct

from adapters.chat_provider.fake.provider import FakeChatProvider
from adapters.chat_provider.litellm import LiteLLMChatDialect
from adapters.chat_provider.over_http import HttpChatProvider
from adapters.clock.system import SystemClock
from adapters.dialects.litellm.surface import LiteLLM
from adapters.upstream_http.httptools_client.client import HttptoolsUpstream
from domain.model.call import Call
from domain.model.catalogue import Deployment
from domain.model.chat import ChatParameters, ChatRequest, FunctionDefinition, Tool, UserMessage
from domain.model.completion import Completion
from domain.model.errors import (
    ContentRejected,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    UnknownModel,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRefusedUs,
    UpstreamTimeout,
    UpstreamTruncated,
)
from domain.model.limits import UpstreamLimits
from domain.model.stream import Chunk, fold
from domain.policies.completeness import StreamTally
from ports.chat_provider import ChatProvider
from support.litellm_upstream import litellm_upstream

CALL = Call(id="r", caller="c", started=0.0, deadline=60.0)
PARAMETERS = ChatParameters(
    messages=[UserMessage(content="Hello world")],
    tools=[Tool(type="function", function=FunctionDefinition(name="f", parameters={}))],
    tool_choice="none",
)


class Case(Struct):
    """One implementation: how to open it, and which of its models shows which behaviour."""

    name: str
    open: Callable[[], AbstractAsyncContextManager[ChatProvider]]
    models: dict[str, str]


@asynccontextmanager
async def fake() -> AsyncIterator[ChatProvider]:
    yield FakeChatProvider(SystemClock())


@asynccontextmanager
async def litellm() -> AsyncIterator[ChatProvider]:
    limits = UpstreamLimits()
    client = HttptoolsUpstream(limits=limits)
    async with litellm_upstream() as upstream:
        dialect = LiteLLMChatDialect(LiteLLM(upstream.url, "sk-secret-key"), limits, SystemClock())
        try:
            yield HttpChatProvider(dialect, client)
        finally:
            await client.close()


FAKE = Case(
    "fake",
    fake,
    {
        "plain": "echo",
        "tools": "tool-call",
        "no usage": "no-usage",
        "cut": "cut-mid-stream",
        "error in the middle": "error-mid-stream",
        "hangs": "hang",
        "unknown": "no-such-model",
        "rate limit": "error-429",
        "refuses us": "error-401",
        "fails": "error-500",
        "context": "error-context-length",
        "content": "error-content-policy",
        "bad request": "error-400",
        "timeout": "timeout",
    },
)
LITELLM = Case(
    "litellm",
    litellm,
    {
        "plain": "gpt",
        "tools": "tool-call",
        "no usage": "no-usage",
        "cut": "cut",
        "error in the middle": "error-mid-stream",
        "hangs": "hang",
        "unknown": "error-unknown",
        "rate limit": "error-rate",
        "refuses us": "error-auth",
        "fails": "error-500",
        "context": "error-context",
        "content": "error-content",
        "bad request": "error-bad",
        "timeout": "error-timeout",
    },
)
ERRORS: dict[str, type[GatewayError]] = {
    "unknown": UnknownModel,
    "rate limit": UpstreamRateLimited,
    "refuses us": UpstreamRefusedUs,
    "fails": UpstreamFailed,
    "context": ContextTooLong,
    "content": ContentRejected,
    "bad request": InvalidRequest,
    "timeout": UpstreamTimeout,
}


@pytest.fixture(params=[FAKE, LITELLM], ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


def asked(case: Case, behaviour: str) -> tuple[ChatRequest, Deployment]:
    model = case.models[behaviour]
    return ChatRequest(model, PARAMETERS), Deployment(case.name, model)


async def whole(case: Case, behaviour: str) -> Completion:
    async with case.open() as provider:
        return await provider.complete(*asked(case, behaviour), CALL)


async def streamed(case: Case, behaviour: str) -> tuple[list[Chunk], Completion]:
    async with case.open() as provider, provider.stream(*asked(case, behaviour), CALL) as stream:
        batches = [batch async for batch in stream]
        assert all(batches)
        chunks = [chunk for batch in batches for chunk in batch]
        return chunks, fold(chunks, stream.provenance)


async def test_answers_a_plain_message(case: Case) -> None:
    answer = await whole(case, "plain")
    assert answer.choices[0].reply.content == "Hello world"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.provenance.provider == case.name


async def test_streams_the_same_text_it_would_answer(case: Case) -> None:
    _, folded = await streamed(case, "plain")
    answer = await whole(case, "plain")
    assert folded.choices[0].reply == answer.choices[0].reply
    assert folded.usage == answer.usage


async def test_a_stream_has_one_role_one_finish_and_its_usage_last(case: Case) -> None:
    chunks, _ = await streamed(case, "plain")
    deltas = [delta for chunk in chunks for delta in chunk.deltas]
    assert [delta.role for delta in deltas].count(True) == 1
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1


async def test_tool_calls_come_whole_and_in_pieces(case: Case) -> None:
    answer = await whole(case, "tools")
    _, folded = await streamed(case, "tools")
    for completion in (answer, folded):
        (call,) = completion.choices[0].reply.tool_calls
        assert completion.choices[0].finish_reason == "tool_calls"
        assert call.id
        assert call.function is not None
    assert answer.choices[0].reply.tool_calls == folded.choices[0].reply.tool_calls


async def test_unknown_usage_is_unknown_and_never_zero(case: Case) -> None:
    answer = await whole(case, "no usage")
    _, folded = await streamed(case, "no usage")
    for completion in (answer, folded):
        assert completion.usage.source == "unknown"
        assert completion.usage.input_tokens is None


@pytest.mark.parametrize("behaviour", ERRORS)
async def test_errors_are_told_apart_before_anything_streams(case: Case, behaviour: str) -> None:
    with pytest.raises(ERRORS[behaviour]) as from_whole:
        await whole(case, behaviour)
    with pytest.raises(ERRORS[behaviour]) as from_stream:
        await streamed(case, behaviour)
    assert from_whole.value.code == from_stream.value.code
    for error in (from_whole.value, from_stream.value):
        assert "secret" not in repr(error)
        assert "127.0.0.1" not in error.message


async def test_a_rate_limit_says_how_long_to_wait(case: Case) -> None:
    with pytest.raises(UpstreamRateLimited) as caught:
        await whole(case, "rate limit")
    assert caught.value.retry_after in {2.0, 7.0}


async def test_a_stream_that_stops_early_is_not_whole(case: Case) -> None:
    tally = StreamTally()
    with pytest.raises(UpstreamTruncated):
        async with case.open() as provider, provider.stream(*asked(case, "cut"), CALL) as stream:
            async for batch in stream:
                for chunk in batch:
                    tally.see(chunk)
            tally.require_whole()
    assert tally.has_content


async def test_an_error_in_the_middle_comes_behind_the_text_before_it(case: Case) -> None:
    text: list[str] = []
    with pytest.raises(UpstreamFailed):
        async with case.open() as provider, provider.stream(*asked(case, "error in the middle"), CALL) as stream:
            async for batch in stream:
                text.extend(delta.content or "" for chunk in batch for delta in chunk.deltas)
    assert "".join(text)


@pytest.mark.parametrize("stream", [True, False])
async def test_cancelling_a_call_that_hangs_ends_it(case: Case, *, stream: bool) -> None:
    async with case.open() as provider:

        async def ask() -> None:
            if stream:
                async with provider.stream(*asked(case, "hangs"), CALL) as answer:
                    async for _ in answer:
                        pass
            else:
                await provider.complete(*asked(case, "hangs"), CALL)

        asking = asyncio.ensure_future(ask())
        done, _ = await asyncio.wait({asking}, timeout=0.05)
        assert not done
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_leaving_a_stream_early_is_no_error(case: Case) -> None:
    async with case.open() as provider, provider.stream(*asked(case, "plain"), CALL) as stream:
        assert await anext(aiter(stream))
