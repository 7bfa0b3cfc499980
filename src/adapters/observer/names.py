"""Names that others chose, as they may be shown to whoever watches."""

from domain.model.hygiene import hide_ours

_LONGEST = 200
_LOOKED_AT = 5 * _LONGEST  # of a name that is a megabyte long


def shown_name(given: str) -> str:
    """`given`, cut to 200 characters, with no secret of ours in it."""
    return hide_ours(given[:_LOOKED_AT])[:_LONGEST]
