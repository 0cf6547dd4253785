"""What is different between two catalogues: cards that came, went, and whose prices changed.

It knows prices by what they are asked for, not by which source says them.
"""

from collections.abc import Mapping

import msgspec

from tramontane.catalog.cards import Card
from tramontane.catalog.packing import Catalogue

_Prices = Mapping[tuple[str, str, str], tuple[str | None, str | None, str]]


class PriceChange(msgspec.Struct, frozen=True, kw_only=True):
    """An offer whose price per million tokens, in and out, is another one now."""

    card: str
    provider: str
    model: str
    region: str | None
    before: tuple[str | None, str | None, str]
    after: tuple[str | None, str | None, str]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of cards that are `new` or `gone`, and changed `prices`; all sorted."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    prices: tuple[PriceChange, ...]


def between(before: Catalogue, after: Catalogue) -> Changes:
    """Return what changed. Cards are read one block at a time."""
    known = set(before.ids)
    prices: list[PriceChange] = []
    for card in after.cards():
        old = before.card(card.id) if card.id in known else None
        if old is not None:
            prices += _changed(old, card)
    return Changes(
        new=tuple(sorted(set(after.ids) - known)),
        gone=tuple(sorted(known - set(after.ids))),
        prices=tuple(prices),
    )


def _changed(old: Card, new: Card) -> list[PriceChange]:
    before, after = _prices(old), _prices(new)
    return [
        PriceChange(
            card=new.id,
            provider=key[0],
            model=key[2],
            region=key[1] or None,
            before=before[key],
            after=after[key],
        )
        for key in sorted(before.keys() & after.keys())
        if before[key] != after[key]
    ]


def _prices(card: Card) -> _Prices:
    return {
        (offer.provider, offer.region or "", offer.model): (
            offer.input_per_mtok,
            offer.output_per_mtok,
            offer.currency,
        )
        for offer in card.offers
    }
