"""B: bodies that are wrong, hostile or only large. Bad ones name the field, cost little and ask nobody."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from domain.model.chat import ChatParameters
from domain.model.embedding import EmbeddingParameters
from domain.policies.structure import OF_CALLERS
from entrypoints.http.intake.steering import _NAMES, _PREFIXES
from support.faults.caller import calling
from support.faults.gate import CHAT, MESSAGES, Gate, gate
from support.faults.parts import WHOLE_STREAM, plain
from support.faults.strict_answer import Answer, read
from support.running_service import post
from support.wire_server import Connection, plays

HI = [{"role": "user", "content": "hi"}]


def chat(**fields: Any) -> bytes:
    """A right body, but for these fields."""
    return json.dumps({"model": "script", "messages": HI, **fields}).encode()


def raw(more: bytes, model: bytes = b'"script"') -> bytes:
    """A right body with this text behind its fields."""
    return b'{"model":' + model + b',"messages":[{"role":"user","content":"hi"}]' + more + b"}"


async def sent(it: Gate, body: bytes, path: str = CHAT, **headers: str) -> Answer:
    """The answer to a body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await it.exchange(post(path, body, {"x-request-id": it.new_id(), **named}))


def deep(levels: int, opening: bytes, closing: bytes, inner: bytes = b"0") -> bytes:
    """So many levels."""
    return opening * levels + inner + closing * levels


TOOL = {"type": "function", "function": {"name": "f"}}
BAD: dict[str, tuple[bytes, str, str]] = {
    "B-01 empty": (b"", "body", "invalid_json"),
    "B-01 text": (b"hello", "body", "invalid_json"),
    "B-01 cut": (chat()[:-4], "body", "invalid_json"),
    "B-01 byte order mark": (b"\xef\xbb\xbf" + chat(), "body", "invalid_json"),
    "B-01 UTF-16": (chat().decode().encode("utf-16"), "body", "invalid_json"),
    "B-01 no UTF-8": (raw(b',"user":"\xff\xfe"'), "body", "invalid_json"),
    "B-01 no UTF-8 where nobody looks": (raw(b',"unknown":"\xff\xfe"'), "body", "invalid_json"),
    "B-01 something behind it": (chat() + b"x", "body", "invalid_json"),
    "B-02 a list": (b"[]", "body", "invalid_request"),
    "B-02 a string": (b'"x"', "body", "invalid_request"),
    "B-02 null": (b"null", "body", "invalid_request"),
    "B-02 a number": (b"1", "body", "invalid_request"),
    "B-02 true": (b"true", "body", "invalid_request"),
    "B-03 NaN": (raw(b',"temperature":NaN'), "body", "invalid_json"),
    "B-03 Infinity": (raw(b',"temperature":-Infinity'), "body", "invalid_json"),
    "B-03 beyond any float": (raw(b',"temperature":1e400'), "temperature", "invalid_request"),
    "B-03 an integer of 5,000 digits": (raw(b',"seed":' + b"9" * 5000), "seed", "invalid_request"),
    "B-03 an integer of 4 MB": (raw(b',"max_tokens":' + b"9" * 4_000_000), "max_tokens", "invalid_request"),
    "B-04 half a surrogate pair": (raw(b',"user":"\\ud800"'), "body", "invalid_json"),
    "B-05 65 levels of lists": (raw(b',"x":' + deep(64, b"[", b"]")), "body", "json_too_deep"),
    "B-05 65 levels of objects": (raw(b',"x":' + deep(64, b'{"a":', b"}")), "body", "json_too_deep"),
    "B-05 65 levels where we look": (chat(tools=[TOOL | {"function": {"name": "f", "parameters": json.loads(deep(61, b'{"a":', b"}"))}}]), "body", "json_too_deep"),
    "B-05 a thousand levels, mixed": (raw(b',"x":' + deep(500, b'[{"a":', b"}]")), "body", "json_too_deep"),
    "B-05 ten thousand levels": (raw(b',"x":' + deep(10_000, b"[", b"]")), "body", "json_too_deep"),
    "B-05 a million levels": (raw(b',"x":' + deep(1_000_000, b"[", b"]")), "body", "json_too_deep"),
    "B-05 a million levels without an end": (raw(b',"x":' + b"[" * 1_000_000), "body", "json_too_deep"),
    "B-05 a million levels instead of messages": (b'{"messages":' + b"[" * 1_000_000, "body", "json_too_deep"),
    "B-06 model twice": (raw(b',"model":"other"'), "model", "duplicate_key"),
    "B-06 model twice, the same": (raw(b',"model":"script"'), "model", "duplicate_key"),
    "B-06 model twice, one written otherwise": (raw(b',"m\\u006fdel":"other"'), "model", "duplicate_key"),
    "B-06 stream twice, with spaces": (raw(b' , "stream" : false,\n"stream":true '), "stream", "duplicate_key"),
    "B-06 messages twice": (raw(b',"messages":[]'), "messages", "duplicate_key"),
    "B-06 a number twice, the last the beginning of the first": (raw(b',"max_tokens":10,"max_tokens":1'), "max_tokens", "duplicate_key"),
    "B-06 an unknown field twice": (raw(b',"x":1,"x":{}'), "x", "duplicate_key"),
    "B-08 max_tokens below 1": (chat(max_tokens=-1), "max_tokens", "invalid_request"),
    "B-08 n of a milliard": (chat(n=10**9), "n", "invalid_request"),
    "B-08 temperature beyond 2": (chat(temperature=1e308), "temperature", "invalid_request"),
    "B-08 top_logprobs of a milliard": (chat(top_logprobs=10**9), "top_logprobs", "invalid_request"),
    "B-08 logit_bias beyond 100": (chat(logit_bias={"1": 101}), "logit_bias[...]", "invalid_request"),
    "B-09 513 tools": (chat(tools=[TOOL] * 513), "tools", "invalid_request"),
    "B-09 10,001 messages": (chat(messages=HI * 10_001), "messages", "invalid_request"),
    "B-09 10,001 unknown fields": (chat(**{f"x{number}": 1 for number in range(10_001)}), "body", "invalid_request"),
    "B-09 too many lists": (raw(b',"x":[' + b"[]," * OF_CALLERS.containers + b"0]"), "body", "json_too_complex"),
    "B-09 too many strings": (raw(b',"x":[' + b'"",' * OF_CALLERS.strings + b"0]"), "body", "json_too_complex"),
    "B-09 too many numbers": (raw(b',"x":[' + b"0," * OF_CALLERS.values + b"0]"), "body", "json_too_complex"),
    "B-11 a name of a megabyte": (chat(model="x" * 1_000_000), "model", "invalid_request"),
    "B-11 an empty name": (chat(model=""), "model", "invalid_request"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "field", "code"), BAD.values(), ids=BAD)
async def test_a_bad_body_names_its_field_and_asks_nobody(body: bytes, field: str, code: str) -> None:
    async with gate(plays(plain())) as it:
        answer = await sent(it, body)
        assert (answer.status, answer.code) == (400, code)
        assert answer.error is not None
        assert answer.error["param"] == field
        assert len(answer.body) < 1000
        assert (it.settled.outcome, it.provider.connections) == ("rejected", 0)


BIG_SCHEMA = {f"p{number}": {"type": "string", "description": "d" * 250} for number in range(17_000)}
GOOD: dict[str, bytes] = {
    "B-03 an integer of 5,000 digits where nobody looks": raw(b',"x":' + b"9" * 5000),
    "B-04 NUL, C1 and a direction mark": chat(user="\x00\x85\u202e\u2028"),
    "B-05 64 levels": raw(b',"x":' + deep(63, b"[", b"]")),
    "B-05 brackets in text": chat(user="[" * 100_000 + '"{\\'),
    "B-06 the same name one level down": raw(b',"x":{"model":1,"model":2}, "model2": 1'),
    "B-08 logit_bias of 100,000 tokens": chat(logit_bias={str(number): 0 for number in range(100_000)}),
    "B-09 512 tools": chat(tools=[TOOL] * 512),
    "B-09 a schema of five megabytes": chat(tools=[TOOL | {"function": {"name": "f", "parameters": BIG_SCHEMA}}]),
    "B-09 10,000 messages": chat(messages=HI * 10_000),
    "B-09 unknown fields": chat(**{f"x{number}": number for number in range(9_000)}),
    "B-14 an image as data": chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 3_000_000}}]}]),
    "B-14 addresses that we must not fetch": chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}} for url in ("file:///etc/passwd", "gopher://x", "http://169.254.169.254/")]}]),
    "B-15 long runs": chat(user="a" * 1_000_000 + "!", x="{" * 1_000_000, y=" " * 1_000_000, z='"' * 100_000, w="\\" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
async def test_what_is_only_odd_or_large_arrives_as_it_was(body: bytes) -> None:
    async with gate(plays(plain())) as it:
        assert (await sent(it, body)).status == 200
        assert it.provider.connections == 1
        arrived = it.provider.requests[0]
        assert arrived == json.loads(
            body, parse_int=lambda digits: arrived["x"] if len(digits) > 4000 else int(digits)
        )


VALUES: list[Any] = [None, True, 0, -1, 1.5, 10**400, "", "x", [], [1], [None], {}, {"a": 1}]


@pytest.mark.parametrize(
    ("path", "parameters", "base"),
    [
        pytest.param(CHAT, ChatParameters, {"model": "script", "messages": HI}, id="B-07 chat"),
        pytest.param("/v1/embeddings", EmbeddingParameters, {"model": "script", "input": "x"}, id="B-07 embeddings"),
    ],
)
async def test_every_field_with_every_type_of_value(path: str, parameters: type, base: dict[str, Any]) -> None:
    (schema,), components = msgspec.json.schema_components([parameters], ref_template="#/$defs/{name}")
    judge = jsonschema.Draft202012Validator({**schema, "$defs": components})

    async def answers(connection: Connection) -> None:
        asked = json.loads(connection.body, parse_int=str)
        await connection.send(WHOLE_STREAM if asked.get("stream") else plain())

    async with gate(dict.fromkeys(["script", "x"], answers), default_model="script") as it:
        for field in msgspec.structs.fields(parameters):
            for value in VALUES:
                body = {**base, field.name: value}
                right = judge.is_valid(body)
                asked = len(it.provider.requests)
                answer = await sent(it, json.dumps(body).encode(), path)
                if right and path == CHAT:
                    assert answer.status == 200, (body, answer.body)
                if not right:
                    assert (answer.status, len(it.provider.requests)) == (400, asked), (body, answer.body)
                    assert answer.error is not None
                    assert answer.error["param"].startswith(field.name)


@pytest.mark.parametrize("how", ["B-10 by its length", "B-10 in chunks"])
async def test_a_body_beyond_the_limit(how: str) -> None:
    body = chat(user="x" * 20_000)
    async with gate(plays(plain()), max_body_bytes=10_000) as it, calling(it.service.port) as caller:
        request = post(CHAT, body)
        if how.endswith("chunks"):
            head = request.partition(b"\r\n\r\n")[0].replace(
                b"content-length: %d" % len(body), b"transfer-encoding: chunked"
            )
            request = (
                head
                + b"\r\n\r\n"
                + b"".join(b"3e8\r\n%b\r\n" % body[at : at + 1000] for at in range(0, 20_000, 1000))
            )
        await caller.send(request)
        await caller.until(b"}}")
        answer = read(bytes(caller.received))
        it.seen(answer)
        assert (answer.status, answer.code, it.provider.connections) == (413, "payload_too_large", 0)


async def test_b_10_without_a_key_the_body_is_not_waited_for() -> None:
    async with gate(plays(plain())) as it, calling(it.service.port) as caller:
        await caller.send(post(CHAT, b"x" * 40_000_000, key=None)[:1000])
        await caller.until(b"}}")
        answer = read(bytes(caller.received))
        it.seen(answer)
        assert answer.status == 401


NAMES = {
    "B-11 climbing": ("../../x", 404),
    "B-11 a header in it": ("ok\r\nX: 1", 404),
    "B-11 a known provider": ("fake/" + "y" * 200, 404),
    "B-11 code": ("' OR 1=1--{}*?%00", 404),
}


@pytest.mark.parametrize(("name", "status"), NAMES.values(), ids=NAMES)
async def test_an_unknown_model_is_named_briefly(name: str, status: int) -> None:
    async with gate(plays(plain()), llm_mode="mock") as it:
        answer = await it.ask(name)
        assert (answer.status, answer.code) == (status, "model_not_found")
        assert len(answer.body) < 400
        assert b"\r" not in answer.body


MEDIA = {
    "B-12 compressed": ({"content-encoding": "gzip"}, 415),
    "B-12 said to be plain": ({"content-encoding": "identity"}, 200),
    "B-13 none": ({"content-type": ""}, 415),
    "B-13 XML": ({"content-type": "text/xml"}, 415),
    "B-13 a form": ({"content-type": "multipart/form-data; boundary=x"}, 415),
    "B-13 UTF-16": ({"content-type": "application/json; charset=utf-16"}, 415),
    "B-13 UTF-8": ({"content-type": "application/json; charset=UTF-8"}, 200),
    "B-13 a longer name": ({"content-type": "application/jsonp"}, 415),
}


@pytest.mark.parametrize(("headers", "status"), MEDIA.values(), ids=MEDIA)
async def test_only_plain_json_is_read(headers: dict[str, str], status: int) -> None:
    async with gate(plays(plain())) as it:
        request = post(CHAT, chat(), {"x-request-id": it.new_id(), **headers})
        answer = await it.exchange(request)
        assert answer.status == status
        assert it.provider.connections == (status == 200)


async def test_a_06_no_field_steers_where_a_request_goes_or_how_often() -> None:
    async with gate(plays(plain())) as it:
        for name in sorted(_NAMES | {f"{prefix}x" for prefix in _PREFIXES}):
            for value in ("http://127.0.0.1:1", 8, {"a": "b"}, None):
                answer = await sent(it, chat(**{name: value}))
                assert (answer.status, answer.code) == (400, "unsupported_parameter"), name
                assert answer.error is not None
                assert answer.error["param"] == name
        assert it.provider.connections == 0


async def test_a_06_nor_does_the_query_or_a_header() -> None:
    async with gate(plays(plain())) as it:
        path = f"{CHAT}?api_base=http://127.0.0.1:1&num_retries=8&model=other"
        answer = await sent(it, chat(), path, x_litellm_num_retries="8", api_base="http://127.0.0.1:1")
        assert answer.status == 200
        assert it.provider.requests == [{"model": "script", "messages": MESSAGES}]
        assert b"x-litellm-num-retries: 0" in it.provider.heads[0]
