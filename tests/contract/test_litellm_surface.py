"""What is particular to a LiteLLM proxy: what we send it, and where it tells cost, models and trouble."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.chat_provider.litellm import LiteLLMChatDialect
from adapters.chat_provider.over_http import HttpChatProvider
from adapters.clock.system import SystemClock
from adapters.dialects.litellm.surface import LiteLLM
from adapters.embedding_provider.litellm import LiteLLMEmbeddings
from adapters.model_catalog.litellm import LiteLLMCatalog
from adapters.upstream_http.httptools_client.client import HttptoolsUpstream
from domain.model.call import Call, Trace
from domain.model.catalogue import Deployment
from domain.model.chat import ChatParameters, ChatRequest, UserMessage
from domain.model.embedding import EmbeddingParameters, EmbeddingRequest
from domain.model.errors import UpstreamInvalid
from domain.model.limits import UpstreamLimits
from domain.model.usage import Cost
from support.litellm_upstream import LiteLLMUpstream, litellm_upstream

LIMITS = UpstreamLimits()
TRACE = Trace(trace_id="1" * 32, span_id="2" * 16)
CALL = Call(id="r", caller="c", started=0.0, deadline=60.0, trace=TRACE)


class Setup:
    def __init__(self, upstream: LiteLLMUpstream, client: HttptoolsUpstream, suffix: str = "/v1/") -> None:
        self.upstream = upstream
        self.client = client
        self.proxy = LiteLLM(upstream.url + suffix, "sk-secret")
        self.chat = HttpChatProvider(LiteLLMChatDialect(self.proxy, LIMITS, SystemClock()), client)
        self.catalog = LiteLLMCatalog(self.proxy, client, LIMITS)


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    async with litellm_upstream() as upstream:
        client = HttptoolsUpstream(limits=LIMITS)
        yield Setup(upstream, client)
        await client.close()


def chat(model: str) -> tuple[ChatRequest, Deployment]:
    return ChatRequest(model, ChatParameters(messages=[UserMessage(content="hi")])), Deployment("litellm", model)


async def test_requests_carry_key_trace_and_no_retries(setup: Setup) -> None:
    await setup.chat.complete(*chat("gpt"), CALL)
    head = setup.upstream.heads[0].lower()
    assert head.startswith(b"post /v1/chat/completions ")
    assert b"\r\nauthorization: bearer sk-secret\r\n" in head
    assert b"\r\nx-litellm-num-retries: 0\r\n" in head
    assert b"\r\naccept-encoding: identity\r\n" in head
    assert b"\r\ntraceparent: 00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01\r\n" in head


def test_the_key_is_in_no_repr() -> None:
    assert "sk-secret" not in repr(LiteLLM("http://x", "sk-secret"))


async def test_a_stream_asks_for_usage(setup: Setup) -> None:
    async with setup.chat.stream(*chat("gpt"), CALL) as stream:
        async for _ in stream:
            pass
    assert setup.upstream.bodies[0]["stream_options"] == {"include_usage": True}


async def test_cost_is_read_from_the_header_or_from_the_streams_usage(setup: Setup) -> None:
    whole = await setup.chat.complete(*chat("gpt"), CALL)
    async with setup.chat.stream(*chat("gpt"), CALL) as stream:
        async for _ in stream:
            pass
        streamed = stream.provenance
    assert whole.provenance.cost == streamed.cost == Cost(13_500, "litellm")
    assert whole.provenance.upstream_id == streamed.upstream_id == "call-1"


async def test_vendor_fields_are_carried(setup: Setup) -> None:
    whole = await setup.chat.complete(*chat("gpt"), CALL)
    assert whole.carried is not None
    assert b'"x_vendor": "keepme"' in whole.carried.body
    assert b'"refusal":null' in whole.carried.body
    assert b'"logprobs":null' in whole.carried.body


@pytest.mark.parametrize("stream", [True, False])
async def test_a_page_instead_of_an_answer_is_no_answer_and_is_not_quoted(setup: Setup, *, stream: bool) -> None:
    with pytest.raises(UpstreamInvalid) as caught:
        if stream:
            async with setup.chat.stream(*chat("html"), CALL):
                pass
        else:
            await setup.chat.complete(*chat("html"), CALL)
    assert "welcome" not in caught.value.message


async def test_cancelling_a_whole_answer_closes_the_connection(setup: Setup) -> None:
    asking = asyncio.ensure_future(setup.chat.complete(*chat("hang"), CALL))
    await setup.upstream.hanging.wait()
    asking.cancel()
    await setup.upstream.closed.wait()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_embeddings_come_in_the_encoding_asked_for(setup: Setup) -> None:
    embeddings = LiteLLMEmbeddings(setup.proxy, setup.client, LIMITS)
    deployment = Deployment("litellm", "vectors")
    plain = await embeddings.embed(EmbeddingRequest("v", EmbeddingParameters(input=["a", "b"])), deployment, CALL)
    packed = await embeddings.embed(
        EmbeddingRequest("v", EmbeddingParameters(input=["a"], encoding_format="base64")), deployment, CALL
    )
    assert [item.vector for item in plain.vectors] == [(0.5, -0.25), (0.5, -0.25)]
    assert packed.vectors[0].vector == "AAAAPwAAgL4="
    assert plain.usage.input_tokens == 10


async def test_models_come_with_what_they_can_do(setup: Setup) -> None:
    cards = {card.id: card for card in await setup.catalog.list_models()}
    assert cards["gpt"].capabilities == ("chat", "streaming", "tools", "vision")
    assert cards["vectors"].capabilities == ("embeddings",)
    assert setup.catalog.offer().takes_any_name


async def test_trouble_is_told_without_an_address(setup: Setup) -> None:
    assert await setup.catalog.trouble() is None
    dead = LiteLLMCatalog(LiteLLM("http://127.0.0.1:9", None), setup.client, LIMITS)
    trouble = await dead.trouble()
    assert trouble is not None
    assert "127.0.0.1" not in trouble
