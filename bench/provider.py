"""A provider that costs next to nothing: fixed bytes for whatever is asked, on an asyncio protocol.

The model's name says what comes back: `stream-64-20` is 64 texts, 20 ms apart; a gap of 0 sends them all at once.
A stream is a role, the texts, a finish reason, the usage and `[DONE]`, each event in an HTTP chunk of its own and
written as OpenAI writes them; with a name that begins with `litellm-` as a LiteLLM proxy does (1.109.1, 2026-11).
"""

import asyncio
import re
import sys
from typing import cast

import uvloop
from typing_extensions import override

AROUND = 3  # the events of a stream that are no texts: role, finish reason, usage
_ASKED = re.compile(rb'"model":\s*"(?:openai/)?(litellm-)?stream-(\d+)-(\d+)"')
_TEXT = b"word " * 6
_WHOLE = b"""{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx","object":"chat.completion","created":1764000000,\
"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"%b",\
"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":180,\
"completion_tokens":64,"total_tokens":244,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},\
"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,\
"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_0123456789"}"""
_OPENAI = b"""{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx","object":"chat.completion.chunk","created":1764000000,\
"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_0123456789",\
"choices":[{"index":0,"delta":{%b},"logprobs":null,"finish_reason":%b}],"usage":null,"obfuscation":"aB3dE5gH7j"}"""
_LITELLM = b"""{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx","created":1764000000,"model":"gpt-4o-mini",\
"object":"chat.completion.chunk","system_fingerprint":"fp_0123456789","choices":[{%b"index":0,"delta":{%b}}]}"""
_USAGE = b"""{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx","object":"chat.completion.chunk","created":1764000000,\
"model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":180,"completion_tokens":64,"total_tokens":244}}"""


def _framed(event: bytes) -> bytes:
    data = b"data: %b\n\n" % event
    return b"%x\r\n%b\r\n" % (len(data), data)


class Events:
    """The events of a stream as HTTP chunks: `first`, then any number of `text`, then `last`."""

    def __init__(self, *, litellm: bool) -> None:
        def event(delta: bytes, reason: bytes | None = None) -> bytes:
            if litellm:  # a finish reason only where there is one
                return _framed(_LITELLM % (b'"finish_reason":%b,' % reason if reason else b"", delta))
            return _framed(_OPENAI % (delta, reason or b"null"))

        self.first = event(b'"role":"assistant","content":"","refusal":null')
        self.text = event(b'"content":"%b"' % _TEXT)
        self.last = event(b"", b'"stop"') + _framed(_USAGE) + _framed(b"[DONE]") + b"0\r\n\r\n"


_WRITTEN = {False: Events(litellm=False), True: Events(litellm=True)}
_BODY = _WHOLE % (_TEXT * 3)
_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
_SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


class Provider(asyncio.Protocol):
    """Answers each request once its body is complete."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        assert self._transport is not None
        asked = _ASKED.search(body)
        if asked is None or b'"stream":' not in body:
            self._transport.write(_JSON)
            return
        events, texts, gap = _WRITTEN[asked[1] is not None], int(asked[2]), int(asked[3]) / 1000
        if not gap:
            self._transport.write(_SSE + events.first + events.text * texts + events.last)
            return
        self._transport.write(_SSE + events.first)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + gap, self._next, events, texts, gap, loop.time() + gap)

    def _next(self, events: Events, left: int, gap: float, due: float) -> None:
        assert self._transport is not None
        if not left:
            self._transport.write(events.last)
            return
        self._transport.write(events.text)
        due += gap  # by the clock and not by the last write, so that a late one does not slow the stream
        self._timer = asyncio.get_running_loop().call_at(due, self._next, events, left - 1, gap, due)


async def main() -> None:
    """Listen on the given port until killed."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
