"""A look at large answers before they are decoded, in which others get their turn."""

import asyncio

from domain.model.errors import UpstreamInvalid
from domain.policies.structure import OF_PROVIDERS, PIECE, Structure, TooMuchStructure, pieces

_MOST_LEVELS = 512


async def refuse_structure(body: bytes) -> None:
    """Raise UpstreamInvalid for a body with more structure than any answer has; small ones are not looked at."""
    if len(body) <= PIECE:
        return
    structure = Structure(_MOST_LEVELS, OF_PROVIDERS)
    try:
        for piece in pieces(body):
            structure.see(piece)
            await asyncio.sleep(0)
    except TooMuchStructure as error:
        raise UpstreamInvalid("The provider's answer has more structure than an answer can have.") from error
