"""What is different between two catalogues."""

from tramontane.catalog import changes, packing
from tramontane.catalog.cards import Card, Offer


def catalogue(*cards: Card) -> packing.Catalogue:
    data = packing.packed(cards, {}, "2026-01-01", providers={}, left_out={})
    return packing.unpack(data, "it")


def card(card_id: str, price: str | None = None) -> Card:
    offer = Offer(
        provider="p", provider_title="P", model="m", source="s", record="r", date="2026-01-01",
        input_per_mtok=price,
    )  # fmt: skip
    return Card(id=card_id, facts={}, offers=(offer,))


def test_cards_come_and_go_and_prices_change() -> None:
    before = catalogue(card("a/old"), card("a/same", "1"), card("a/dearer", "1"))
    after = catalogue(card("a/new"), card("a/same", "1"), card("a/dearer", "2"))
    found = changes.between(before, after)
    assert (found.new, found.gone) == (("a/new",), ("a/old",))
    (price,) = found.prices
    assert (price.card, price.before[0], price.after[0]) == ("a/dearer", "1", "2")


def test_nothing_changes_by_itself() -> None:
    found = changes.between(catalogue(card("a/b", "1")), catalogue(card("a/b", "1")))
    assert found == changes.Changes(new=(), gone=(), prices=())
