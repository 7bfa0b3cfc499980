"""What was said, in the words it was said in.

A caller's body or a provider's answer is carried beside the typed values, so that a provider of the same dialect gets
the same bytes (and an answer returns as it came). Only the dialect it names may use it.
"""

from collections.abc import Mapping

from msgspec import Raw, Struct


class Document(Struct, frozen=True):
    """A body in `dialect`; `fields` are its top-level members, each value still the JSON text it arrived as."""

    dialect: str
    fields: Mapping[str, Raw]


class Carried(Struct, frozen=True):
    """An answer or a chunk of one in `dialect`: JSON text, complete, ready to be passed on."""

    dialect: str
    body: bytes
