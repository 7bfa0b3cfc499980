"""Which deployment answers to a name."""

import pytest

from domain.model.catalogue import Deployment, Offer
from domain.model.errors import UnknownModel
from domain.policies.routing import route

FAKE = Offer(provider="fake", models=("echo", "slow", "shared"))
OTHER = Offer(provider="other", models=("org/shared", "shared"))
ANY = Offer(provider="litellm", takes_any_name=True)


@pytest.mark.parametrize(
    ("name", "offers", "deployment"),
    [
        ("fake/echo", [FAKE], Deployment("fake", "echo")),
        ("echo", [FAKE], Deployment("fake", "echo")),
        ("echo", [FAKE, OTHER], Deployment("fake", "echo")),
        ("other/org/shared", [FAKE, OTHER], Deployment("other", "org/shared")),
        ("org/shared", [FAKE, OTHER], Deployment("other", "org/shared")),
        ("fake/unlisted", [FAKE], Deployment("fake", "unlisted")),
        ("anything/at/all", [ANY], Deployment("litellm", "anything/at/all")),
        ("echo", [ANY], Deployment("litellm", "echo")),
    ],
)
def test_names_find_their_deployment(name: str, offers: list[Offer], deployment: Deployment) -> None:
    assert route(name, offers) == deployment


def test_a_bare_name_of_two_providers_must_say_which() -> None:
    with pytest.raises(UnknownModel, match="fake/shared, other/shared"):
        route("shared", [FAKE, OTHER])


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownModel) as caught:
        route("fake-echo", [FAKE, OTHER])
    assert caught.value.nearest[0] == "fake/echo"
    assert caught.value.param == "model"


def test_a_huge_name_is_neither_echoed_nor_guessed_at() -> None:
    with pytest.raises(UnknownModel) as caught:
        route("x" * 100_000, [FAKE])
    assert len(caught.value.message) < 200
    assert caught.value.nearest == ()
