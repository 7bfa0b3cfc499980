"""Seeds of request bodies: never a 5xx, nothing sent upstream for what we refuse, and what is sent says what was said."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ports.upstream_http import UpstreamRequest
from support.fuzz.body_mutation import FIELDS, Body, make_body
from support.fuzz.in_process import Exchange, InProcess, Upstream
from support.fuzz.stream_client import Broken, need
from support.fuzz.verdicts import Verdict, judged, refused, settled

_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream"}
_WHOLE = Upstream(
    headers=_JSON,
    pieces=[
        b'{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
    ],
)
_STREAM = Upstream(
    headers=_EVENTS,
    pieces=[
        b'data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    ],
)
_OURS = {"model", "stream", "stream_options"}


class _Number(str):
    """A number by its digits: 1 and 1.0 are the same to Python, not to whoever signs or counts."""

    __slots__ = ()


class _Pairs(tuple[tuple[str, Any], ...]):
    """The members of an object, in their order."""

    __slots__ = ()


def exact_json(text: bytes) -> Any:
    """JSON with every number as its digits and every object as its members. Raises Broken where it is none."""

    def refuse(word: str) -> None:
        raise Broken(f"{word} is no JSON")

    try:
        return json.loads(
            text.decode(), parse_int=_Number, parse_float=_Number, parse_constant=refuse, object_pairs_hook=_Pairs
        )
    except (ValueError, RecursionError) as error:
        raise Broken(f"what went upstream is no JSON: {type(error).__name__}") from error


def upstream_for(request: UpstreamRequest) -> Upstream:
    """A good answer to whatever was asked."""
    asked = json.loads(request.body, parse_int=float)
    if request.url.endswith("/embeddings"):
        data = [{"object": "embedding", "index": at, "embedding": [0.5]} for at in range(_inputs(asked["input"]))]
        return Upstream(headers=_JSON, pieces=[json.dumps({"object": "list", "data": data, "model": "e"}).encode()])
    return _STREAM if asked.get("stream") is True else _WHOLE


def _inputs(asked: Any) -> int:
    """How many vectors are wanted: one for a text or a list of nothing but token ids, else one for each item."""
    return len(asked) if isinstance(asked, list) and any(isinstance(item, str | list) for item in asked) else 1


def judge(exchange: Exchange, body: Body) -> str:
    """How it ended. Raises Broken where a promise was."""
    need(exchange.status < 500, f"status {exchange.status}")
    record = settled(exchange)
    if exchange.status != 200:
        error = refused(exchange)
        need(not body.valid, f"a valid body was refused: {error['code']} {error['param']}")
        need(not exchange.requests, "a refused body went upstream")
        need(record.outcome == "rejected", f"{exchange.status} settled as {record.outcome}")
        need(exchange.status != 400 or error["param"] is not None, "a 400 that names no field")
        need(error["code"] != "invalid_json" or not _is_json(body.text), "valid JSON was called invalid")
        if error["code"] == "invalid_request":
            named = re.split(r"[.\[]", error["param"])[0]
            need(named in FIELDS or not _is_object(body.text), f"an invalid request because of {named}")
        return f"{exchange.status} {error['code']}"
    need(record.outcome == "ok", f"200 settled as {record.outcome}")
    need(len(exchange.requests) == 1, f"{len(exchange.requests)} upstream requests")
    said, sent = exact_json(body.text), exact_json(exchange.requests[0].body)
    need(isinstance(said, _Pairs) and isinstance(sent, _Pairs), "not an object")
    need(len({name for name, _ in said}) == len(said), "a name twice, and accepted")
    need(_unedited(said) == _unedited(sent), "upstream was told something else than was said")
    return "200"


def _is_json(text: bytes) -> bool:
    """Whether it is, to anybody: half a surrogate pair is to some."""
    try:
        exact_json(text)
    except Broken:
        return False
    return b"\\u" not in text


def _is_object(text: bytes) -> bool:
    return text.lstrip()[:1] == b"{"


def _unedited(members: Any) -> dict[str, Any]:
    return {name: value for name, value in members if name not in _OURS}


class BodySeeds:
    """Implements support.fuzz.verdicts.Seeds over valid bodies."""

    def __init__(self, **settings: Any) -> None:
        chosen = {"default_model": "m-default", "max_body_bytes": 4_000_000, **settings}
        self.service = InProcess(upstream_for, **chosen)

    async def one(self, seed: int) -> Verdict:
        """See support.fuzz.verdicts."""
        return await self.body(make_body(seed))

    async def body(self, body: Body) -> Verdict:
        """The verdict on a body."""
        exchange = await self.service.ask(body.path, body.text)
        return judged(exchange, lambda found: judge(found, body))


@asynccontextmanager
async def body_seeds(**settings: Any) -> AsyncIterator[BodySeeds]:
    """Over bodies of every feature."""
    seeds = BodySeeds(**settings)
    async with seeds.service:
        yield seeds
