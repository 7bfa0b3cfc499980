"""The caller's own words travel; only what has to change is changed."""

import msgspec
from msgspec import Raw

from adapters.dialects.openai.encode import chat_body, embedding_body
from domain.model.chat import ChatParameters, ChatRequest, SystemMessage, UserMessage
from domain.model.document import Document
from domain.model.embedding import EmbeddingParameters, EmbeddingRequest
from entrypoints.http.intake.request_reader import RequestReader

PARAMETERS = ChatParameters(messages=[SystemMessage(content="be brief"), UserMessage(content="hi")], temperature=0.5)


def carried(text: bytes, dialect: str = "openai") -> ChatRequest:
    fields = msgspec.json.decode(text, type=dict[str, Raw])
    return ChatRequest("alias", PARAMETERS, Document(dialect, fields))


def test_unknown_fields_and_number_spellings_travel_untouched() -> None:
    request = carried(
        b'{"model":"alias","messages":[{"role":"user", "content":"h\\u0069"}],"top_k":40,"temperature":0.50}'
    )
    assert chat_body(request, "real", stream=False) == (
        b'{"model":"real","messages":[{"role":"user", "content":"h\\u0069"}],"top_k":40,"temperature":0.50}'
    )


def test_a_stream_always_asks_for_usage_and_keeps_the_callers_other_options() -> None:
    request = carried(b'{"model":"a","stream":true,"stream_options":{"include_usage":false,"x":1}}')
    sent = msgspec.json.decode(chat_body(request, "m", stream=True))
    assert sent["stream_options"] == {"include_usage": True, "x": 1}
    without = msgspec.json.decode(chat_body(carried(b'{"model":"a","stream_options":null}'), "m", stream=True))
    assert without["stream"] is True
    assert without["stream_options"] == {"include_usage": True}


def test_a_whole_answer_is_not_asked_for_as_a_stream() -> None:
    sent = msgspec.json.decode(
        chat_body(carried(b'{"model":"a","stream":false,"stream_options":null}'), "m", stream=False)
    )
    assert sent == {"model": "m"}


def test_a_document_in_another_dialect_is_not_used() -> None:
    sent = msgspec.json.decode(chat_body(carried(b'{"prompt":"x"}', dialect="other"), "m", stream=False))
    assert sent == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "temperature": 0.5,
    }


def test_embeddings_travel_the_same_way() -> None:
    parameters = EmbeddingParameters(input=["a", "b"])
    fields = msgspec.json.decode(b'{"input":["a","b"],"model":"x","user":"u"}', type=dict[str, Raw])
    assert embedding_body(EmbeddingRequest("x", parameters, Document("openai", fields)), "y") == (
        b'{"input":["a","b"],"model":"y","user":"u"}'
    )
    assert msgspec.json.decode(embedding_body(EmbeddingRequest("x", parameters), "y")) == {
        "input": ["a", "b"],
        "model": "y",
    }


async def test_parts_that_nobody_here_reads_travel_too() -> None:
    text = b'{"model":"m","messages":[{"role":"user","content":[{"type":"video_url","video_url":{"url":"x"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]}]}'
    request = await RequestReader(64, None, None).chat(text)
    assert chat_body(request, "m", stream=False) == text
