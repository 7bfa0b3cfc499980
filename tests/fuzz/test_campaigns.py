"""A few thousand seeds of each campaign of tests/fuzz/run.py: every promise kept, and every ending seen."""

import pytest

from support.fuzz.answer_seeds import answer_seeds
from support.fuzz.body_seeds import body_seeds
from support.fuzz.campaign import campaign
from support.fuzz.socket_seeds import socket_seeds
from support.fuzz.sse_seeds import sse_seeds
from support.fuzz.stream_corpus import BY_HAND, recorded
from support.fuzz.stream_seeds import recorded_stream_seeds, stream_seeds
from support.fuzz.verdicts import Kind

FORM_A, FORM_B = "200 (a) [DONE]", "200 (b) error event"


@pytest.mark.parametrize(
    ("kind", "n", "endings"),
    [
        (sse_seeds, 3_000, {"events", "no event"}),
        (stream_seeds, 3_000, {FORM_A, FORM_B, "502", "400", "404", "429"}),
        (answer_seeds, 3_000, {"chat 200", "chat 502", "chat 400", "chat 429", "embeddings 200", "embeddings 502"}),
        (body_seeds, 8_000, {"200", "400 invalid_json", "400 invalid_request", "400 unsupported_parameter", "400 json_too_deep"}),
        (socket_seeds, 1_000, {"200", "404 model_not_found", "400 invalid_json", "400 invalid_request"}),
    ],
    ids=["sse", "streams", "answers", "bodies", "sockets"],
)  # fmt: skip
async def test_no_seed_breaks_a_promise(kind: Kind, n: int, endings: set[str]) -> None:
    tally = await campaign(kind, range(n))
    assert tally.n == n
    assert tally.faults == {}
    assert endings <= set(tally.labels), "mutations that break all or nothing would prove nothing"


async def test_no_recorded_stream_gone_wrong_breaks_a_promise() -> None:
    if not recorded():
        pytest.skip("the recordings are not on this machine")
    tally = await campaign(recorded_stream_seeds, range(1_000))
    assert tally.faults == {}
    assert {FORM_A, FORM_B} <= set(tally.labels)


async def test_every_stream_made_by_hand_ends_well_where_nothing_is_wrong() -> None:
    async with stream_seeds() as seeds:
        cases = [case for case in map(seeds.make, range(2_000)) if case.valid]
        verdicts = [await seeds.answer(case) for case in cases]
    assert {verdict.label for verdict in verdicts} == {FORM_A}
    assert len({case.name for case in cases}) == len(BY_HAND)


async def test_a_seed_gives_the_same_input_every_time() -> None:
    async with stream_seeds() as one, stream_seeds() as other:
        for seed in range(200):
            assert one.make(seed).sent == other.make(seed).sent
