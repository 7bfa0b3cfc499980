"""What providers say, right or wrong, as bytes to play."""

import json
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
WORDS = ("one ", "two ", "three ", "four ", "five ")


def framed(*events: bytes) -> bytes:
    """Each as one chunk of a chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)


def chunk(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One chunk of an answer."""
    head = {"id": "chatcmpl-f", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m-2026"}
    return {**head, "choices": choices, **more}


def event(document: Any) -> bytes:
    """A document as an event."""
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def says(text: str, *, index: int = 0, **more: Any) -> bytes:
    """A piece of text; the first of a choice should say `role="assistant"`."""
    return event(chunk([{"index": index, "delta": {**more, "content": text}, "finish_reason": None}]))


def finish(reason: str = "stop", index: int = 0) -> bytes:
    """The end of a choice."""
    return event(chunk([{"index": index, "delta": {}, "finish_reason": reason}]))


def usage(prompt: Any = 3, completion: Any = 5) -> bytes:
    """The usage chunk."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": 8}
    return event(chunk([], usage=counts))


def words(count: int = 5) -> list[bytes]:
    """So many pieces of text, the first with the role."""
    texts = [WORDS[number % len(WORDS)] for number in range(count)]
    first, *others = texts
    return [says(first, role="assistant"), *map(says, others)]


def stream(*events: bytes) -> bytes:
    """A whole HTTP answer that streams these events and ends well."""
    return HEAD + framed(*events) + END


WHOLE_STREAM = stream(*words(), finish(), usage(), DONE)


def completion(text: str = "hello", **more: Any) -> dict[str, Any]:
    """A whole answer."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    counts = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    head = {"id": "chatcmpl-f", "object": "chat.completion", "created": 1_700_000_000, "model": "m-2026"}
    return {**head, "choices": [choice], "usage": counts, **more}


def plain(
    status: str = "200 OK", body: bytes | None = None, kind: str = "application/json", headers: str = ""
) -> bytes:
    """A whole HTTP answer with a length; by default a right completion."""
    content = json.dumps(completion()).encode() if body is None else body
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n{headers}\r\n"
    return head.encode("latin-1") + content


def error_body(message: str = "boom", **more: Any) -> bytes:
    """An error as OpenAI writes it."""
    return json.dumps({"error": {"message": message, "type": "server_error", "param": None, **more}}).encode()
