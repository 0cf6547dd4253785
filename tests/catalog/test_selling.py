"""Names under which models are sold."""

import msgspec

from tests.catalog.making import card, offer
from tramontane.catalog import selling
from tramontane.catalog.cards import Offer


def sold(model: str, kind: str) -> Offer:
    return msgspec.structs.replace(offer("x", "1", "1", kind=kind), model=model)


def test_names_are_those_of_that_kind_alone() -> None:
    cards = [
        card("a/one", offers=(sold("one-latest", "mistral"),)),
        card("a/two", offers=(sold("two", "groq"),)),
    ]
    assert selling.names_at(cards, "mistral") == {"one-latest"}
    assert selling.names_at(cards, "nobody") == frozenset()


def test_a_slip_finds_what_was_meant() -> None:
    known = {"Mistral-Large-latest", "mistral-small-latest", "codestral"}
    assert selling.nearest("mistral-lrge-latest", known)[0] == "Mistral-Large-latest"
    assert selling.nearest("qqq", known) == []
