"""U: what a provider may do wrong in a stream, and what the caller sees of it. One row a fault."""

import json
from typing import Any

import pytest

from support.faults.gate import gate
from support.faults.parts import DONE, WHOLE_STREAM, chunk, event, finish, stream, usage, words
from support.faults.stream_rows import FAULTS, FIVE, NOT_BEGUN, Fault
from support.wire_server import plays


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_in_a_stream(fault: Fault) -> None:
    async with gate(fault.plays, max_event_bytes=2048, idle_timeout=60.0) as it:
        answer = await it.ask(stream=True)
        assert answer.text == fault.text
        assert (answer.ending, answer.code) == ("error" if fault.code else "done", fault.code)
        assert it.settled.outcome == fault.outcome
        assert it.provider.connections == 1


@pytest.mark.parametrize("fault", [fault for name, fault in FAULTS.items() if name.startswith("U-12 garbage")])
async def test_u_12_a_connection_with_garbage_on_it_is_not_used_again(fault: Fault) -> None:
    async with gate({"bad": fault.plays, "good": plays(WHOLE_STREAM)}) as it:
        await it.ask("bad", stream=True)
        assert (await it.ask("good", stream=True)).text == FIVE
        assert it.provider.connections == 2


@pytest.mark.parametrize(("played", "status", "code"), NOT_BEGUN.values(), ids=NOT_BEGUN)
async def test_what_did_not_begin_is_an_ordinary_error(played: bytes, status: int, code: str) -> None:
    async with gate(plays(played)) as it:
        answer = await it.ask(stream=True)
        assert (answer.status, answer.ending, answer.code) == (status, "whole", code)
        assert b"captive" not in answer.body
        assert it.settled.outcome == "failed"


USAGES: dict[str, tuple[list[bytes], int | None]] = {
    "U-37 none": ([], None),
    "U-37 negative": ([usage(-3, -5)], None),
    "U-37 beyond measure": ([usage(10**18, 10**18)], None),
    "U-37 beyond any integer": ([usage(10**30, 10**30)], None),
    "U-37 text": ([usage("3", "5")], None),
    "U-37 a list": ([event(chunk([], usage=[1, 2]))], None),
    "U-37 twice, the last one counts": ([usage(3, 4), usage(3, 5)], 5),
    "U-37 far from what was said": ([usage(3, 10**9)], 10**9),
}


@pytest.mark.parametrize(("told", "tokens"), USAGES.values(), ids=USAGES)
async def test_usage_is_what_can_be_or_unknown(told: list[bytes], tokens: int | None) -> None:
    async with gate(plays(stream(*words(), finish(), *told, DONE))) as it:
        answer = await it.ask(stream=True, stream_options={"include_usage": True})
        assert answer.ending == "done"
        settled = it.settled.usage
        assert (settled.output_tokens, settled.source) == (tokens, "unknown" if tokens is None else "provider")
        told_us = [each["usage"] for each in answer.chunks if each.get("usage")]
        assert [each["completion_tokens"] for each in told_us] == ([] if tokens is None else [tokens])


HOSTILE = "a\r\nx-evil: 1\x00\x1b[31m\u2028"
NAMES: dict[str, dict[str, Any]] = {
    "U-23 id": {"id": HOSTILE},
    "U-23 model": {"model": HOSTILE},
    "U-23 fingerprint": {"system_fingerprint": HOSTILE},
    "U-23 tier": {"service_tier": HOSTILE},
}


@pytest.mark.parametrize("named", NAMES.values(), ids=NAMES)
async def test_names_with_control_characters_stay_values(named: dict[str, Any]) -> None:
    choice = {"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": HOSTILE}
    async with gate(plays(stream(event(chunk([choice]) | named), DONE))) as it:
        answer = await it.ask(stream=True)
        assert answer.ending == "done"
        assert answer.finished == {0: "stop"}  # an end that we have no word for is an end
        assert not set(answer.body) & {0x00, 0x0D, 0x1B}
        assert "x-evil" not in answer.headers
        assert json.dumps(HOSTILE)[1:-1] not in json.dumps(it.logged())
