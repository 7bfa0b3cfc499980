"""U: what a provider may do wrong before a stream begins or in a whole answer. One row a fault."""

import asyncio
import json

import pytest

from support.faults.answer_rows import FAULTS, Fault
from support.faults.gate import gate
from support.faults.parts import HEAD, WHOLE_STREAM, completion, plain
from support.wire_server import Connection, plays, wire_server

WAYS = [
    pytest.param(fault, stream, id=f"{name}, {'streamed' if stream else 'whole'}")
    for name, fault in FAULTS.items()
    for stream in ((False, True) if fault.both else (False,))
]


@pytest.mark.parametrize(("fault", "stream"), WAYS)
async def test_a_fault_in_an_answer(fault: Fault, *, stream: bool) -> None:
    async with gate(fault.plays, litellm_api_key=None) as it:
        answer = await it.ask(stream=stream)
        assert (answer.status, answer.ending, answer.code) == (fault.status, "whole", fault.code)
        assert it.settled.outcome == fault.outcome
        for hidden in (b"10.0.0.7", b"html", b"sk-upstream"):
            assert hidden not in answer.body
        assert "www-authenticate" not in answer.headers
        assert it.provider.connections == 1


@pytest.mark.parametrize("name", ["U-35 longer than its length", "U-07 reset within the head", "U-35 no HTTP"])
async def test_a_connection_that_is_not_clean_is_not_used_again(name: str) -> None:
    async with gate({"bad": FAULTS[name].plays, "good": plays(plain())}) as it:
        await it.ask("bad")
        assert (await it.ask("good")).status == 200
        assert it.provider.connections == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_u_32_a_redirect_is_not_followed(*, stream: bool) -> None:
    async with wire_server(plays(plain())) as thief:
        elsewhere = plain("307 Temporary Redirect", b"", headers=f"location: {thief.url}\r\n")
        async with gate(plays(elsewhere)) as it:
            answer = await it.ask(stream=stream)
            assert (answer.status, answer.code) == (502, "upstream_invalid")
            assert thief.url.encode() not in answer.body
        assert thief.connections == 0


async def test_u_32_a_redirect_to_the_machines_own_metadata_is_not_followed() -> None:
    async with gate(plays(plain("302 Found", b"", headers="location: http://169.254.169.254/latest\r\n"))) as it:
        assert (await it.ask()).code == "upstream_invalid"


async def test_u_35_what_a_provider_says_unasked_answers_nobody() -> None:
    asked = asyncio.Event()

    async def talks_on(connection: Connection) -> None:
        await connection.send(plain(), plain(body=json.dumps(completion("smuggled")).encode()))
        asked.set()

    async with gate({"bad": talks_on, "good": plays(plain())}) as it:
        await it.ask("bad")
        answer = await it.ask("good")
        assert answer.document is not None
        assert answer.document["choices"][0]["message"]["content"] == "hello"


async def test_u_38_a_stream_with_headers_of_a_whole_answer_is_one() -> None:
    events = WHOLE_STREAM.removeprefix(HEAD)
    typed = HEAD.replace(b"text/event-stream", b"Text/Event-Stream; charset=UTF-8")
    async with gate(plays(typed + events)) as it:
        assert (await it.ask(stream=True)).ending == "done"
