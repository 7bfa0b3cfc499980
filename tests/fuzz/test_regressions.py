"""What the campaigns found, smallest first: each once broke a promise. Rows that still do are expected to, strictly.

Whoever mends one takes its `why` away here and its line out of support/fuzz/known.py.
"""

from typing import Any

import pytest

from support.fuzz.answer_seeds import answer_seeds, completion_case, embedding_case
from support.fuzz.body_mutation import Body
from support.fuzz.body_seeds import body_seeds
from support.fuzz.published import published
from support.fuzz.sse_seeds import cut, faults_of
from support.fuzz.stream_client import strict_json
from support.fuzz.stream_seeds import plain_case, stream_seeds
from support.fuzz.verdicts import Verdict

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
FORM_B = "200 (b) error event"
MENDED_OR_REFUSED = "200 (a) [DONE], 200 (b) error event, 502"
HEAD = b'"id":"a","created":1,"model":"m"'
FIRST = (
    b'{"object":"chat.completion.chunk",'
    + HEAD
    + b',"choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null}]}'
)
LAST = b'{"object":"chat.completion.chunk",' + HEAD + b',"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
CALL = b'"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]'
WHOLE = (
    b'{"object":"chat.completion",'
    + HEAD
    + b',"choices":[{"index":0,"message":{"role":"assistant","content":"x","refusal":null},"finish_reason":"stop"}]'
)
COUNTS = b',"usage":{"prompt_tokens":1,"completion_tokens":1'


def row(name: str, *values: Any, why: str | None = None) -> Any:
    """One finding; `why` it is not mended yet."""
    return pytest.param(*values, id=name, marks=[pytest.mark.xfail(strict=True, reason=why)] if why else [])


def stream(*data: bytes) -> bytes:
    return b"".join(b"data: " + one + b"\n\n" for one in data) + b"data: [DONE]\n\n"


def fine(verdict: Verdict, label: str) -> None:
    """No promise broken, and it ended as one of the labels, which a comma divides."""
    assert verdict.faults == []
    assert verdict.label in label.split(", ")


@pytest.mark.parametrize(
    ("body", "label"),
    [
        row("no UTF-8 in what nobody reads was passed on", stream(FIRST, FIRST[:-1] + b',"x":"\xff"}', LAST), FORM_B),
        row("no UTF-8 in a name hid a choice: text was lost, the end looked well", stream(FIRST, FIRST.replace(b'"choices"', b'"ch\xefices"'), LAST), FORM_B),
        row("no UTF-8 in the name of a reason was an internal error", stream(FIRST.replace(b"finish_reason", b"finish\xff"), LAST), "502"),
        row("no UTF-8 in a delta that is mended was one, too", stream(FIRST, FIRST.replace(b'"content"', b'"cont\xf4nt"'), LAST), FORM_B),
        row("an object of another name", stream(FIRST.replace(b".chunk", b""), LAST), MENDED_OR_REFUSED),
        row("a usage without its total", stream(FIRST, LAST[:-1] + COUNTS + b"}}"), MENDED_OR_REFUSED),
        row("a total that is text", stream(FIRST, LAST[:-1] + COUNTS + b',"total_tokens":"2"}}'), MENDED_OR_REFUSED),
        row("a usage with details of nothing", stream(FIRST, LAST[:-1] + COUNTS + b',"total_tokens":2,"prompt_tokens_details":{}}}'), MENDED_OR_REFUSED),
        row("a tool call of an unknown type", stream(FIRST.replace(b'"content":"x"', CALL.replace(b'"function",', b'"tool",')), LAST), MENDED_OR_REFUSED),
        row("an error whose message cannot be shown", stream(b'{"error":{"message":"\xe2\x80\xae"}}'), "502"),
    ],
)  # fmt: skip
async def test_a_stream(body: bytes, label: str) -> None:
    async with stream_seeds() as seeds:
        fine(await seeds.answer(plain_case(body)), label)


@pytest.mark.parametrize(
    ("body", "label"),
    [
        row("no UTF-8 in what nobody reads", WHOLE + b',"x":"\xff"}', "chat 502"),
        row("no index", WHOLE.replace(b'"index":0', b'"index":null') + b"}", "chat 200, chat 502"),
        row("two choices of one index", WHOLE[:-1] + WHOLE[WHOLE.index(b"[") :].replace(b"[", b",", 1) + b"}", "chat 502"),
        row("a role of another name", WHOLE.replace(b'"assistant"', b'"user"') + b"}", "chat 200, chat 502"),
        row("a usage without its total", WHOLE + COUNTS + b"}}", "chat 200, chat 502"),
        row("a call without a name", WHOLE.replace(b'"content":"x"', CALL.replace(b'"name":"f",', b"")) + b"}", "chat 200, chat 502"),
        row("a call without arguments", WHOLE.replace(b'"content":"x"', CALL.replace(b',"arguments":""', b"")) + b"}", "chat 200, chat 502"),
        row("a call of an unknown type", WHOLE.replace(b'"content":"x"', CALL.replace(b'"function",', b'"tool",')) + b"}", "chat 200, chat 502"),
        row("a legacy call without arguments", WHOLE.replace(b'"content":"x"', b'"function_call":{"name":"f"}') + b"}", "chat 200, chat 502"),
    ],
)  # fmt: skip
async def test_a_whole_answer(body: bytes, label: str) -> None:
    async with answer_seeds() as seeds:
        fine(await seeds.answer(completion_case(body)), label)


VECTOR = b'{"object":"embedding","index":0,"embedding":[0.5]}'


@pytest.mark.parametrize(
    ("data", "inputs", "encoding"),
    [
        row("one vector for two texts", VECTOR, 2, "float"),
        row("two vectors for one text", VECTOR + b"," + VECTOR.replace(b":0", b":1"), 1, "float"),
        row("the same index twice", VECTOR + b"," + VECTOR, 2, "float"),
        row("a packed vector that is none", VECTOR.replace(b"[0.5]", b'"%"'), 1, "base64"),
        row("an index of nobody", VECTOR.replace(b":0", b":-1"), 1, "float"),
    ],
)
async def test_vectors_that_do_not_fit_their_inputs_are_no_answer(data: bytes, inputs: int, encoding: str) -> None:
    async with answer_seeds() as seeds:
        body = b'{"object":"list","model":"e","data":[' + data + b"]}"
        fine(await seeds.answer(embedding_case(body, inputs, encoding)), "embeddings 502")


HI = b'{"messages":[{"role":"user","content":"hi"}],'


@pytest.mark.parametrize(
    ("path", "text", "label"),
    [
        row("a name twice", CHAT, HI + b'"max_tokens":2,"max_tokens":1}', "400 duplicate_key"),
        row("a name twice, the one value the beginning of the other", CHAT, HI + b'"max_tokens":10,"max_tokens":1}', "400 duplicate_key"),
        row("an empty name twice", CHAT, HI + b'"":1,"":2}', "400 duplicate_key"),
        row("no UTF-8 in what nobody reads", CHAT, HI + b'"x":"\xc3"}', "400 invalid_json"),
        row("a surrogate without its other half", CHAT, HI + b'"x":"\\ud800"}', "400 invalid_json"),
        row("no number, where nobody reads it", CHAT, HI + b'"x":NaN}', "400 invalid_json"),
        row("a number too large for anybody, where nobody reads it", CHAT, HI + b'"x":1e400}', "200"),
        row("a number of 5,000 digits, where nobody reads it", EMBEDDINGS, b'{"input":"x","x":' + b"9" * 5_000 + b"}", "200"),
    ],
)  # fmt: skip
async def test_a_body(path: str, text: bytes, label: str) -> None:
    async with body_seeds() as seeds:
        fine(await seeds.body(Body(path, text, valid=False)), label)


@pytest.mark.parametrize(
    "text",
    [
        row("a mark between events, where a field's name may begin with it", b"data: a\n\xef\xbb\xbfdata: b\n\n"),
        row("two marks at the start", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n"),
        row("a line end cut in two", b"data: a\r\n\r\ndata: b\r\n\r\n"),
    ],
)
def test_an_event_stream(text: bytes) -> None:
    assert faults_of(text, cut(text, range(len(text)))) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        row("OpenAI's first chunk", "ChatCompletionChunk", FIRST.replace(b'"x"', b'"x","refusal":null')),
        row("OpenAI's first chunk of a call", "ChatCompletionChunk", FIRST.replace(b'"x"', b"null," + CALL)),
        row("OpenAI's chunk with usage wanted", "ChatCompletionChunk", FIRST[:-1] + b',"usage":null}'),
        row("LiteLLM's answer", "ChatCompletion", WHOLE + b',"system_fingerprint":null,"service_tier":null}'),
        row("vLLM's answer", "ChatCompletion", WHOLE.replace(b'"x"', b'"x","reasoning_content":null') + b"}"),
    ],
)  # fmt: skip
async def test_our_document_knows_the_nulls_that_providers_write(name: str, text: bytes) -> None:
    async with body_seeds() as seeds:
        document = await published(seeds.service)
    assert document.misfits(name, strict_json(text.decode())) == []


async def test_our_document_says_that_a_chat_may_stream() -> None:
    async with body_seeds() as seeds:
        document = strict_json((await seeds.service.ask("/openapi.json", b"", "GET")).body.decode())
    answers = document["paths"][CHAT]["post"]["responses"]["200"]["content"]
    assert "text/event-stream" in answers


async def test_an_embedding_without_a_model_gets_the_default_that_can_embed() -> None:
    async with body_seeds(llm_mode="mock", default_model=None) as seeds:
        exchange = await seeds.service.ask(EMBEDDINGS, b'{"input":"x"}')
    assert exchange.status == 200
