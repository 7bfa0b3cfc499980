"""A streamed answer is whole when every choice that began said why it ended."""

import pytest

from domain.model.errors import UpstreamTruncated
from domain.model.stream import Chunk, Delta
from domain.policies.completeness import StreamTally


def tally(*deltas: Delta) -> StreamTally:
    seen = StreamTally()
    for delta in deltas:
        seen.see(Chunk(id="c", created=1, model="m", deltas=(delta,)))
    return seen


def test_one_finished_choice_is_whole() -> None:
    seen = tally(Delta(index=0, role=True), Delta(index=0, content="x"), Delta(index=0, finish_reason="stop"))
    seen.require_whole()
    assert seen.finish_reasons == ("stop",)
    assert seen.has_content


@pytest.mark.parametrize(
    "deltas",
    [
        [],
        [Delta(index=0, role=True)],
        [Delta(index=0, content="x")],
        [Delta(index=0, content="x", finish_reason="stop"), Delta(index=1, content="y")],
        [Delta(index=1, content="y"), Delta(index=0, finish_reason="length")],
    ],
)
def test_anything_less_is_truncated(deltas: list[Delta]) -> None:
    with pytest.raises(UpstreamTruncated):
        tally(*deltas).require_whole()


def test_a_role_or_an_empty_text_is_not_content() -> None:
    assert not tally(Delta(index=0, role=True, content="")).has_content
