"""A provider that sends a few bytes at a time costs no more memory than one that sends many."""

import tracemalloc
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import pytest

from adapters.wire.sse import SseDecoder
from ports.upstream_http import whole_body

SIZE = 64 * 1024
MOST = 4 * SIZE  # a list of pieces of two bytes takes more than twenty times their size


@contextmanager
def bounded_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


def pieces(size: int) -> Iterator[bytes]:
    for number in range(SIZE // size):
        yield b"%0*d" % (size, number % 10**size)


class Trickling:
    """Implements ports.upstream_http.UpstreamResponse."""

    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, size: int) -> None:
        self._size = size

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in pieces(self._size):
            yield piece

    def let_end(self) -> None:
        pass


@pytest.mark.parametrize("size", [1, 2, 16, 4096])
async def test_a_body(size: int) -> None:
    with bounded_memory():
        body = await whole_body(Trickling(size))
    assert body == b"".join(pieces(size))


@pytest.mark.parametrize("size", [1, 2, 16, 4096])
def test_a_line_of_a_stream(size: int) -> None:
    decoder = SseDecoder(2 * SIZE)
    with bounded_memory():
        decoder.feed(b"data: ")
        for piece in pieces(size):
            assert decoder.feed(piece) == []
        (event,) = decoder.feed(b"\n\n")
    assert event.data == b"".join(pieces(size))


def test_fields_that_nobody_knows() -> None:
    decoder = SseDecoder(2 * SIZE)
    with bounded_memory():
        assert decoder.feed(b"error: x\n") == []
        for number in range(SIZE // 8):
            assert decoder.feed(b"z%d:\n" % number) == []
        (event,) = decoder.feed(b"\n")
    assert event.unknown[0] == (b"error", b"x")
    assert len(event.unknown) < 100
