"""Embedding answers of this dialect: one vector for each input, plain or packed, or no answer at all."""

import binascii
import struct
from collections.abc import Sequence
from math import isfinite

import msgspec

from adapters.dialects.openai.usage import read_usage
from adapters.dialects.openai.wire import UNDECODABLE, WireEmbedding, WireEmbeddings, check_text
from domain.model.completion import Provenance
from domain.model.embedding import Embedding, Embeddings, EncodingFormat
from domain.model.errors import UpstreamInvalid
from domain.model.usage import UNKNOWN_USAGE

_VECTORS = msgspec.json.Decoder(WireEmbeddings)


def decode_embeddings(body: bytes, provenance: Provenance, encoding: EncodingFormat, inputs: int) -> Embeddings:
    """The vectors in `body`, written as `encoding` asks. Raises UpstreamInvalid where they are not one an input."""
    try:
        check_text(body)
        wire = _VECTORS.decode(body)
    except UNDECODABLE as error:
        raise UpstreamInvalid("The provider's answer holds no embeddings.") from error
    items = wire.data or []
    indexes = _indexes(items)
    if len(items) != inputs or set(indexes) != set(range(inputs)):
        raise UpstreamInvalid("The provider's answer does not hold one embedding for each input.")
    vectors, lengths = [], set()
    for index, item in zip(indexes, items, strict=True):
        length, vector = _vector(item.embedding, encoding)
        lengths.add(length)
        vectors.append(Embedding(index, vector))
    if len(lengths) > 1:
        raise UpstreamInvalid("The provider's answer has embeddings of different lengths.")
    return Embeddings(
        model=wire.model or provenance.model,
        vectors=tuple(sorted(vectors, key=lambda vector: vector.index)),
        usage=read_usage(wire.usage) or UNKNOWN_USAGE,
        provenance=provenance,
    )


def _indexes(items: Sequence[WireEmbedding]) -> list[int]:
    """Whose vector each is; -1 where only others say so. Where none does, they stand in the order of the inputs."""
    if all(item.index is None for item in items):
        return list(range(len(items)))
    return [-1 if item.index is None else item.index for item in items]


def _vector(given: list[float] | str | None, encoding: EncodingFormat) -> tuple[int, tuple[float, ...] | str]:
    """How many numbers it has, and how it is to be written."""
    if not given:
        raise UpstreamInvalid("The provider's answer has an embedding without a vector.")
    if isinstance(given, str):
        raw = _unpacked(given)
        return len(raw) // 4, given if encoding == "base64" else _numbers(raw)
    # The sum shows in one go whether one of them is not finite; it may also be too large by itself.
    if not isfinite(sum(given)) and not all(map(isfinite, given)):
        raise UpstreamInvalid("The provider's answer has an embedding out of range.")
    return len(given), pack(given) if encoding == "base64" else tuple(given)


def pack(numbers: Sequence[float]) -> str:
    """A vector as OpenAI packs it: base64 of little-endian float32."""
    try:
        return binascii.b2a_base64(struct.pack(f"<{len(numbers)}f", *numbers), newline=False).decode()
    except (OverflowError, struct.error) as error:
        raise UpstreamInvalid("The provider's answer has an embedding out of range.") from error


def unpack(packed: str) -> tuple[float, ...]:
    """The numbers of a packed vector. Raises UpstreamInvalid where it is not one."""
    return _numbers(_unpacked(packed))


def _unpacked(packed: str) -> bytes:
    """Whole numbers of four bytes, all of them finite."""
    try:
        raw = binascii.a2b_base64(packed, strict_mode=True)
    except ValueError as error:
        raise UpstreamInvalid("The provider's answer has a malformed packed embedding.") from error
    if not raw or len(raw) % 4:
        raise UpstreamInvalid("The provider's answer has a malformed packed embedding.")
    highest = raw[3::4]  # sign and most of the exponent: only in these two forms a number may be not finite
    if (b"\x7f" in highest or b"\xff" in highest) and not all(map(isfinite, _numbers(raw))):
        raise UpstreamInvalid("The provider's answer has an embedding out of range.")
    return raw


def _numbers(raw: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(raw) // 4}f", raw)
