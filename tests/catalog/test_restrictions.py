"""A licence that forbids a use is recognised, by card and by where the weights lie."""

import pytest

from tests.catalog.excerpt import built, card
from tramontane.catalog import packing, restrictions
from tramontane.catalog.cards import Card, Claim


def licensed(licence: str) -> Card:
    claim = Claim(value=licence, source="s", record="r")
    return Card(id="a/b", facts={"licence": (claim,)})


def test_terms_say_what_is_known() -> None:
    flux = restrictions.terms_of(card("black-forest-labs/flux.1-kontext-dev"))
    assert flux is not None
    assert flux.forbids == ["commercial", "production"]
    assert flux.is_free is False
    assert flux.url
    free = restrictions.terms_of(card("openai/gpt-oss-20b"))
    assert free is not None
    assert (free.is_free, free.forbids) == (True, [])
    unheard = restrictions.terms_of(licensed("somebodys-own-3"))
    assert unheard is not None
    assert (unheard.is_free, unheard.url) == (None, None)
    assert restrictions.terms_of(Card(id="a/b", facts={})) is None


@pytest.mark.parametrize(
    ("repository", "card_id"),
    [
        ("black-forest-labs/FLUX.1-Kontext-dev", "black-forest-labs/flux.1-kontext-dev"),
        ("quantstack/flux.1-kontext-dev-gguf", "black-forest-labs/flux.1-kontext-dev"),
        ("nobody/nothing", None),
    ],
)
def test_a_card_is_found_by_where_its_weights_lie(repository: str, card_id: str | None) -> None:
    found = built()
    data = packing.packed(
        found.cards, found.sources, found.built_on, providers={}, left_out={}
    )  # fmt: skip
    at = restrictions.card_at(packing.unpack(data, "it"), repository)
    assert (None if at is None else at.id) == card_id
