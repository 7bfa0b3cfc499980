"""H: requests that are no proper HTTP/1.1, and headers that want to be more than they are."""

import json

import pytest

from support.faults.caller import calling
from support.faults.gate import CHAT, MESSAGES, Gate, gate
from support.faults.parts import plain
from support.faults.quiescence import soon
from support.faults.strict_answer import Answer, read
from support.running_service import KEY
from support.wire_server import plays

BODY = json.dumps({"model": "script", "messages": MESSAGES}).encode()
LENGTH = f"content-length: {len(BODY)}"
TE = "transfer-encoding: chunked"
POST = f"POST {CHAT} HTTP/1.1"


def chunked(extension: bytes = b"", trailers: bytes = b"", end: bytes = b"\r\n") -> bytes:
    """The body in one chunk."""
    return b"%x%b%b%b%b0%b%b%b" % (len(BODY), extension, end, BODY, end, end, trailers, end)


def asks(
    *lines: str,
    body: bytes = BODY,
    first: str = POST,
    host: str | None = "host: x",
    end: str = "\r\n",
    close: bool = True,
) -> bytes:
    """A request by its lines."""
    wanted = [first, *([host] if host else []), f"authorization: Bearer {KEY}", "content-type: application/json"]
    wanted += [*lines, *(["connection: close"] if close else [])]
    return end.join([*wanted, "", ""]).encode("latin-1") + body


REFUSED: dict[str, tuple[bytes, int]] = {
    "H-01 length and chunks": (asks(LENGTH, TE, body=chunked()), 400),
    "H-01 chunks and length": (asks(TE, LENGTH, body=chunked()), 400),
    "H-02 two lengths": (asks(LENGTH, "content-length: 5"), 400),
    "H-02 the same length twice": (asks(LENGTH, LENGTH), 400),
    "H-02 a length with a sign": (asks(f"content-length: +{len(BODY)}"), 400),
    "H-02 a list of lengths": (asks("content-length: 5, 5"), 400),
    "H-02 a negative length": (asks("content-length: -5"), 400),
    "H-02 a hexadecimal length": (asks("content-length: 0x5"), 400),
    "H-02 a space before the colon": (asks(f"content-length : {len(BODY)}"), 400),
    "H-02 a coding that is nearly chunked": (asks("transfer-encoding: xchunked", body=chunked()), 400),
    "H-02 chunked, but not last": (asks("transfer-encoding: chunked, identity", body=chunked()), 400),
    "H-02 a coding behind chunks": (asks("transfer-encoding: gzip, chunked", body=chunked()), 400),
    "H-02 a space before the colon of the coding": (asks("transfer-encoding : chunked", body=chunked()), 400),
    "H-03 bare line feeds": (asks(LENGTH, end="\n"), 400),
    "H-03 a bare carriage return": (asks(LENGTH, "x: a\rb"), 400),
    "H-03 a folded header": (asks(LENGTH, "x: a\r\n b"), 400),
    "H-03 NUL in a header": (asks(LENGTH, "x: a\0b"), 400),
    "H-03 a control in a header": (asks(LENGTH, "x: a\x01b"), 400),
    "H-03 line feeds between chunks": (asks(TE, body=chunked(end=b"\n")), 400),
    "H-04 a chunk too large for any number": (asks(TE, body=b"10000000000000000\r\nx"), 400),
    "H-04 a chunk size that is none": (asks(TE, body=b"ZZ\r\nx"), 400),
    "H-04 an extension of 64 KiB and more": (asks(TE, body=b"1;" + b"e" * 200_000), 400),
    "H-04 trailers without end": (asks(TE, body=b"0\r\n" + b"x: y\r\n" * 50_000), 400),
    "H-06 two thousand headers": (asks(LENGTH, *[f"x-{number}: y" for number in range(2000)]), 431),
    "H-06 a header of a megabyte": (asks(LENGTH, "x: " + "y" * (1 << 20)), 431),
    "H-06 a long path": (asks(LENGTH, first=f"POST {CHAT}/{'a' * 100_000} HTTP/1.1"), 414),
    "H-06 ten thousand parameters": (asks(LENGTH, first=f"POST {CHAT}?{'&a=1' * 10_000} HTTP/1.1"), 414),
    "H-07 no host": (asks(LENGTH, host=None), 400),
    "H-07 two hosts": (asks(LENGTH, "host: y"), 400),
    "H-07 a host with a path": (asks(LENGTH, host="host: x/health?"), 400),
    "H-07 an empty host": (asks(LENGTH, host="host:"), 400),
    "H-07 a path that climbs": (asks(LENGTH, first="POST /v1/%2e%2e/v1/chat/completions HTTP/1.1"), 404),
    "H-07 a path with parameters": (asks(LENGTH, first=f"POST {CHAT};x=1 HTTP/1.1"), 404),
    "H-11 HTTP/0.9": (b"GET /health\r\n\r\n", 400),
    "H-11 HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "H-11 HTTP/2.0 in an older form": (asks(LENGTH, first=f"POST {CHAT} HTTP/2.0"), 400),
    "H-11 TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "H-11 a tunnel": (b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "H-11 bytes in the path": (asks(LENGTH, first="GET /\xff\xfe HTTP/1.1"), 400),
    "H-11 a path that is none": (asks(LENGTH, first="GET foo HTTP/1.1"), 400),
}  # fmt: skip


async def told(it: Gate, request: bytes) -> Answer:
    """What comes back, read until the service has said it and closed, or said it."""
    async with calling(it.service.port) as caller:
        await caller.send(request)
        await caller.until(b"}}")
        return read(bytes(caller.received))


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_proper_request_is_refused_and_asks_nobody(request_bytes: bytes, status: int) -> None:
    async with gate(plays(plain())) as it:
        answer = await told(it, request_bytes)
        assert (answer.status, answer.ending) == (status, "whole")
        assert it.provider.connections == 0
        assert {settled.outcome for settled in it.settlements().values()} <= {"rejected"}


SMUGGLED = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"


@pytest.mark.parametrize(
    "request_bytes",
    [
        row[0] + SMUGGLED
        for name, row in REFUSED.items()
        if name.startswith(("H-01", "H-02", "H-03 line", "H-04 a chunk"))
    ],
    ids=[f"H-05 behind {name}" for name in REFUSED if name.startswith(("H-01", "H-02", "H-03 line", "H-04 a chunk"))],
)
async def test_a_request_hidden_in_another_is_never_answered(request_bytes: bytes) -> None:
    async with gate(plays(plain())) as it, calling(it.service.port) as caller:
        await caller.send(request_bytes)
        raw = await caller.to_the_end()
        assert raw.count(b"HTTP/1.1 ") == raw.count(b"\r\n\r\n") == 1
        assert read(raw).status == 400


TAKEN: dict[str, bytes] = {
    "H-02 a tab before the coding": asks("transfer-encoding:\tchunked", body=chunked()),
    "H-04 a short extension": asks(TE, body=chunked(extension=b";name=value")),
    "H-04 trailers": asks(TE, body=chunked(trailers=b"authorization: Bearer x\r\nx-request-id: evil\r\n")),
    "H-07 an absolute address": asks(LENGTH, first=f"POST http://elsewhere{CHAT} HTTP/1.1"),
    "H-11 HTTP/1.0": asks(LENGTH, first=f"POST {CHAT} HTTP/1.0", host=None),
    "H-11 an upgrade to h2c": asks(LENGTH, "upgrade: h2c", "connection: Upgrade, HTTP2-Settings", "http2-settings: AAMA", close=False),
    "H-11 an upgrade to websockets": asks(LENGTH, "upgrade: websocket", "connection: upgrade", close=False),
}  # fmt: skip


@pytest.mark.parametrize("request_bytes", TAKEN.values(), ids=TAKEN)
async def test_what_is_odd_but_right_is_answered(request_bytes: bytes) -> None:
    async with gate(plays(plain())) as it, calling(it.service.port) as caller:
        await caller.send(request_bytes)
        await soon(lambda: bool(it.settlements()), lambda: bytes(caller.received))
        await caller.until(b'"total_tokens"')
        assert b"evil" not in caller.received
        assert it.settled.outcome == "ok"
        assert it.provider.requests == [json.loads(BODY)]


async def test_h_11_who_waits_for_a_word_to_go_on_gets_it() -> None:
    async with gate(plays(plain())) as it, calling(it.service.port) as caller:
        head, _, body = asks(LENGTH, "expect: 100-continue").partition(b"\r\n\r\n")
        await caller.send(head + b"\r\n\r\n")
        await caller.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        caller.received.clear()
        await caller.send(body)
        answer = read(await caller.to_the_end())
        it.seen(answer)
        assert answer.status == 200


ODD_IDS = {
    "H-08 with a line end": "a\tb",
    "H-08 too long": "x" * 10_000,
    "H-08 an escape": "a;b",
    "H-08 empty": "",
    "H-08 not ASCII": "\xe9",
}


@pytest.mark.parametrize("given", ODD_IDS.values(), ids=ODD_IDS)
async def test_an_odd_request_id_is_replaced(given: str) -> None:
    async with gate(plays(plain())) as it:
        answer = await it.exchange(it.request(headers={"x-request-id": given, "traceparent": "garbage"}))
        assert answer.status == 200
        assert answer.request_id.isalnum()
        assert answer.request_id != given


FOREIGN = {
    "cookie": "a=b",
    "te": "trailers",
    "proxy-authorization": "Basic eA==",
    "x-api-key": "sk-callers-own",
    "x-forwarded-for": "10.1.2.3",
    "x-forwarded-host": "evil.example",
    "forwarded": "for=10.1.2.3",
    "x-real-ip": "10.1.2.3",
    "openai-organization": "org-callers",
    "anthropic-beta": "x",
    "x-litellm-timeout": "1",
    "keep-alive": "timeout=5",
}


@pytest.mark.parametrize("stream", [False, True])
async def test_h_09_a_08_what_a_caller_says_in_headers_goes_no_further(*, stream: bool) -> None:
    async with gate(plays(plain())) as it:
        await it.exchange(it.request(headers=FOREIGN, stream=stream))
        (head,) = it.provider.heads
        names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
        assert names <= {
            b"host",
            b"accept-encoding",
            b"content-type",
            b"content-length",
            b"x-litellm-num-retries",
            b"authorization",
        }
        assert b"10.1.2.3" not in head


async def test_h_09_a_header_named_in_connection_is_still_ours() -> None:
    async with gate(plays(plain())) as it:
        request = it.request(headers={"connection": "close, authorization"})
        assert (await it.exchange(request)).status == 200


async def test_h_10_only_what_we_promise_of_a_providers_headers_comes_back() -> None:
    told_us = "".join(
        f"{name}: {value}\r\n"
        for name, value in {
            "set-cookie": "a=b",
            "server": "uvicorn",
            "x-litellm-model-api-base": "http://10.0.0.7:1234",
            "x-ratelimit-remaining-requests": "7",
            "location": "http://10.0.0.7",
            "strict-transport-security": "max-age=1",
            "access-control-allow-origin": "*",
            "x-request-id": "theirs",
        }.items()
    )
    async with gate(plays(plain(headers=told_us))) as it:
        answer = await it.ask()
        ours = {
            "date",
            "content-type",
            "content-length",
            "connection",
            "x-request-id",
            "x-ratelimit-remaining-requests",
        }
        assert {name for name in answer.headers if not name.startswith("x-llm-proxy-")} == ours
        assert "10.0.0.7" not in str(answer.headers)
        assert answer.request_id != "theirs"
