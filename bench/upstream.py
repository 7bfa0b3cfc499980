"""A provider that costs next to nothing: fixed bytes for whatever is asked, on an asyncio protocol."""

import asyncio
import sys

from typing_extensions import override

WHOLE = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"%b","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":99,"total_tokens":108}}'  # noqa: E501
CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{%b},"finish_reason":%b}]}\n\n'  # noqa: E501
EVENTS = 64


def framed(kind: bytes, body: bytes) -> bytes:
    """A whole HTTP answer."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(body), body)


def stream() -> bytes:
    """A role, 64 texts, a finish reason, the usage, all at once."""
    usage = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":64,"total_tokens":73}}\n\n'  # noqa: E501
    texts = CHUNK % (b'"content":"some words"', b"null") * EVENTS
    return (
        CHUNK % (b'"role":"assistant","content":""', b"null")
        + texts
        + CHUNK % (b"", b'"stop"')
        + usage
        + b"data: [DONE]\n\n"
    )


JSON = framed(b"application/json", WHOLE % (b"word " * 100))
SSE = framed(b"text/event-stream", stream())


class Upstream(asyncio.Protocol):
    """Answers each request once its body is complete."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

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
            assert self._transport is not None
            self._transport.write(SSE if b'"stream":true' in body else JSON)


async def main() -> None:
    """Listen on the given port until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
