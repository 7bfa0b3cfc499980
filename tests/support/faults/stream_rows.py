"""U: what providers do wrong in a stream, a row each: played in tests, and all together where secrets are looked for."""

from msgspec import Struct

from support.faults.parts import (
    DONE,
    END,
    HEAD,
    chunk,
    error_body,
    event,
    finish,
    framed,
    plain,
    says,
    stream,
    usage,
    words,
)
from support.wire_server import Script, plays, then_closes, then_resets

FIVE = "one two three four five "
ODD = "caf\u00e9 \U0001f600 a\u2028b"
INJECTION = 'a\n\ndata: [DONE]\n\n\r\rdata: {"evil":1}\n\nid: 7\x00'


class Fault(Struct, frozen=True, kw_only=True):
    """A script and what has to come of it, streamed: no code means that all is well."""

    plays: Script
    code: str | None = None
    text: str = FIVE
    outcome: str = "partial"


def bytewise(payload: bytes) -> bytes:
    """Every byte as a chunk of its own."""
    return HEAD + framed(*(payload[at : at + 1] for at in range(len(payload)))) + END


ANSWER = b"".join([says(ODD, role="assistant"), finish(), DONE])
LONG = says("x" * 3000)
TWO_ENDS = stream(*words(), finish(), finish("length"), DONE, DONE)
OTHER_CHOICE = says("hi", index=1, role="assistant")
LAST_WORDS = (finish(), usage(), DONE)

FAULTS: dict[str, Fault] = {
    "U-08 reset after five events": Fault(plays=then_resets(HEAD, framed(*words())), code="upstream_truncated"),
    "U-09 end within a chunk": Fault(plays=then_closes(HEAD, framed(*words()), b"40\r\ndata: {"), code="upstream_truncated"),
    "U-09 end between chunks": Fault(plays=then_closes(HEAD, framed(*words())), code="upstream_truncated"),
    "U-10 clean end without a finish reason": Fault(plays=plays(stream(*words())), code="upstream_truncated"),
    "U-10 [DONE] without a finish reason": Fault(plays=plays(stream(*words(), DONE)), code="upstream_truncated"),
    "U-10 one of two choices is finished": Fault(plays=plays(stream(*words(), OTHER_CHOICE, finish(), DONE)), code="upstream_truncated"),
    "U-11 finished, clean end, no [DONE]": Fault(plays=plays(stream(*words(), finish())), outcome="ok"),
    "U-11 finished, then the connection ends": Fault(plays=then_closes(HEAD, framed(*words(), finish())), code="upstream_truncated"),
    "U-12 events behind [DONE]": Fault(plays=plays(stream(*words(), finish(), DONE, says("ghost"))), outcome="ok"),
    "U-12 garbage behind [DONE]": Fault(plays=plays(HEAD, framed(*words(), finish(), DONE), b"GARBAGE"), outcome="ok"),
    "U-13 two ends": Fault(plays=plays(TWO_ENDS), outcome="ok"),
    "U-14 cut JSON": Fault(plays=plays(stream(*words(), b'data: {"id":"x","choices":[{"ind\n\n', *LAST_WORDS)), code="upstream_invalid"),
    "U-14 an array": Fault(plays=plays(stream(*words(), b"data: []\n\n", *LAST_WORDS)), code="upstream_invalid"),
    "U-15 bytes that are no text": Fault(plays=plays(stream(*words(), says("XX").replace(b"XX", b"\xff\xfe\xc3"), *LAST_WORDS)), code="upstream_invalid"),
    "U-15 bytes that are no text, where nobody looks": Fault(plays=plays(stream(*words(), event(chunk([{"index": 0, "delta": {"x": "XX"}}])).replace(b"XX", b"\xff"), *LAST_WORDS)), code="upstream_invalid"),
    "U-16 byte by byte": Fault(plays=plays(bytewise(ANSWER)), text=ODD, outcome="ok"),
    "U-16 CRLF": Fault(plays=plays(bytewise(ANSWER.replace(b"\n\n", b"\r\n\r\n"))), text=ODD, outcome="ok"),
    "U-16 CR": Fault(plays=plays(bytewise(ANSWER.replace(b"\n\n", b"\r\r"))), text=ODD, outcome="ok"),
    "U-16 byte order mark": Fault(plays=plays(bytewise(b"\xef\xbb\xbf" + ANSWER)), text=ODD, outcome="ok"),
    "U-17 fields of all kinds": Fault(plays=plays(stream(b": hello\n\nevent: message\nid: 1\nretry: 5\n", *words(), b"data\n\n", b"data:\n\n", b'data: {\ndata: "choices":[]}\n\n', *LAST_WORDS)), outcome="ok"),
    "U-18 an event beyond the limit": Fault(plays=plays(stream(*words(), LONG, *LAST_WORDS)), code="upstream_invalid"),
    "U-18 a line without end": Fault(plays=plays(HEAD, framed(*words(), *[b"data: " + b"x" * 900] * 10)), code="upstream_invalid"),
    "U-22 text that looks like an end": Fault(plays=plays(stream(says(INJECTION, role="assistant"), *LAST_WORDS)), text=INJECTION, outcome="ok"),
    "U-24 an error event": Fault(plays=plays(stream(*words(), b"data: " + error_body(code="boom_code") + b"\n\n")), code="boom_code"),
    "U-24 an error event, then an end": Fault(plays=plays(stream(*words(), b"data: " + error_body(code="boom_code") + b"\n\n", *LAST_WORDS)), code="boom_code"),
    "U-35 a chunk size that is none": Fault(plays=plays(HEAD, framed(*words()), b"ZZZ\r\nnot-a-chunk\r\n"), code="upstream_invalid"),
    "U-35 a negative chunk size": Fault(plays=plays(HEAD, framed(*words()), b"-1\r\nx\r\n"), code="upstream_invalid"),
    "U-35 a chunk size of 2^64": Fault(plays=plays(HEAD, framed(*words()), b"10000000000000000\r\nx\r\n"), code="upstream_invalid"),
}  # fmt: skip

NOT_BEGUN: dict[str, tuple[bytes, int, str]] = {
    "U-20 an error in JSON": (plain(body=error_body(code=529)), 502, "upstream_error"),
    "U-20 an error in JSON, of a kind we know": (plain(body=error_body("litellm.RateLimitError: slow down")), 429, "rate_limit_exceeded"),
    "U-21 HTML": (plain(body=b"<html>captive portal</html>", kind="text/html"), 502, "upstream_invalid"),
    "U-21 nothing": (plain(body=b""), 502, "upstream_invalid"),
    "U-10 no event at all": (stream(), 502, "upstream_truncated"),
    "U-10 only [DONE]": (stream(DONE), 502, "upstream_truncated"),
    "U-10 only usage": (stream(usage(), DONE), 502, "upstream_truncated"),
    "U-14 no JSON at once": (stream(b"data: hello\n\n", DONE), 502, "upstream_invalid"),
    "U-24 an error event at once": (stream(b"data: " + error_body(code="boom_code") + b"\n\n"), 502, "boom_code"),
    "U-38 a whole answer instead of a stream": (plain(), 502, "upstream_invalid"),
}  # fmt: skip
