"""Bodies are decoded strictly; the field at fault is named; depth is bounded before anything recurses."""

import msgspec
import pytest
from msgspec import Raw, Struct

from domain.model.errors import InvalidRequest
from entrypoints.http.intake import strict_json


class Inner(Struct):
    size: int


class Outer(Struct):
    name: str
    inner: list[Inner] = []


DECODER = msgspec.json.Decoder(Outer)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


async def test_members_are_the_text_they_arrived_as() -> None:
    assert await strict_json.members(b'{"a": 1.50, "b": [ 1 ]}', 64) == {"a": Raw(b"1.50"), "b": Raw(b"[ 1 ]")}


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"true"])
async def test_anything_but_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="must be a JSON object"):
        await strict_json.members(body, 64)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"{'a':1}",
        b'{"a":1}x',
        b'\xef\xbb\xbf{"a":1}',
        "{}".encode("utf-16"),
    ],
)
async def test_malformed_json_is_said_to_be_that(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await strict_json.members(body, 64)
    assert caught.value.code == "invalid_json"


async def test_invalid_utf8_is_found_even_in_fields_that_nobody_reads() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await strict_json.members(b'{"unread": "\xff\xfe"}', 64)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"x":', b"}")])
async def test_depth_is_allowed_up_to_the_limit_and_not_beyond(opening: bytes, closing: bytes) -> None:
    def body(depth: int) -> bytes:
        return b'{"a":' + opening * (depth - 1) + b"0" + closing * (depth - 1) + b"}"

    await strict_json.members(body(64), 64)
    with pytest.raises(InvalidRequest) as caught:
        await strict_json.members(body(65), 64)
    assert caught.value.code == "json_too_deep"


@pytest.mark.parametrize("depth", [10_000, 1_000_000])
async def test_enormous_depth_is_refused_without_recursing(depth: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await strict_json.members(b'{"a":' + nested(depth) + b"}", 64)
    assert caught.value.code == "json_too_deep"


async def test_depth_that_alternates_with_small_siblings_is_counted_too() -> None:
    deep = b'{"a":' * 40 + b"[[1],2," * 40 + b"0" + b"]" * 40 + b"}" * 40
    with pytest.raises(InvalidRequest) as caught:
        await strict_json.members(deep, 64)
    assert caught.value.code == "json_too_deep"


async def test_brackets_inside_strings_do_not_count() -> None:
    text = msgspec.json.encode({"a": "[" * 1000 + '\\"{' * 500})
    assert list(await strict_json.members(text, 64)) == ["a"]


async def test_many_shallow_brackets_are_fine() -> None:
    wide = b'{"a":[' + b",".join([b'{"b":[1]}'] * 5000) + b"]}"
    assert list(await strict_json.members(wide, 64)) == ["a"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"inner":[]}', "name"),
        (b'{"name":1}', "name"),
        (b'{"name":"x","inner":[{"size":"1"}]}', "inner[0].size"),
        (b'{"name":"x","inner":[{}]}', "inner[0].size"),
        (b'{"name":"x","inner":null}', "inner"),
    ],
)
async def test_the_field_at_fault_is_named(body: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await strict_json.decode(DECODER, body)
    assert caught.value.param == field
    assert caught.value.code == "invalid_request"


async def test_what_a_field_held_is_not_quoted() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await strict_json.decode(DECODER, b'{"name":"x","inner":"a secret prompt"}')
    assert "secret" not in caught.value.message
