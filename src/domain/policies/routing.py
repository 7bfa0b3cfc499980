"""Which deployment answers to a model's name. A pure function of the name and what the providers offer."""

from collections.abc import Sequence
from difflib import get_close_matches

from domain.model.catalogue import Deployment, Offer
from domain.model.errors import UnknownModel

_LONGEST_GUESS = 64  # guessing at longer names would cost more than it helps


def route(name: str, offers: Sequence[Offer]) -> Deployment:
    """Pick the deployment for `name`.

    A provider that takes any name takes this one as it is. Else `provider/model` is split on the first slash only,
    and a bare name must be listed by exactly one provider. Raises UnknownModel with the nearest names.
    """
    for offer in offers:
        if offer.takes_any_name:
            return Deployment(offer.provider, name)
    provider, slash, model = name.partition("/")
    if slash and any(offer.provider == provider for offer in offers):
        return Deployment(provider, model)
    holders = [offer.provider for offer in offers if name in offer.models]
    if len(holders) == 1:
        return Deployment(holders[0], name)
    if holders:
        full = tuple(f"{holder}/{name}" for holder in holders)
        raise UnknownModel("Several providers offer this model; say which.", nearest=full)
    raise UnknownModel(f"The model '{name[:_LONGEST_GUESS]}' does not exist here.", nearest=_nearest(name, offers))


def _nearest(name: str, offers: Sequence[Offer]) -> tuple[str, ...]:
    if len(name) > _LONGEST_GUESS:
        return ()
    known = [f"{offer.provider}/{model}" for offer in offers for model in offer.models]
    return tuple(get_close_matches(name, known, n=3, cutoff=0.5))
