"""Cards that say what a test wants them to."""

from types import MappingProxyType
from typing import Any, cast

from tramontane.catalog.cards import (
    Card,
    Claim,
    Field,
    ModelFileFact,
    Offer,
    Openness,
    Source,
)
from tramontane.catalog.providers import Provider

SOURCES = {"s": Source(id="s", title="S", version="1", date="2026-08-01", licence="MIT")}


class Packed:
    """Cards as an unpacked catalogue has them."""

    sources = SOURCES
    built_on = "2026-08-01"
    providers = MappingProxyType({"y": Provider(id="y", title="Y", url="https://y.example/v1")})

    def __init__(self, *cards: Card) -> None:
        self._cards = {each.id: each for each in cards}

    def card(self, card_id: str, /) -> Card | None:
        """Return that card."""
        return self._cards.get(card_id)

    def cards(self) -> Any:
        """Yield every card."""
        return iter(self._cards.values())


def card(
    card_id: str,
    *,
    openness: Openness = "unknown",
    files: tuple[ModelFileFact, ...] = (),
    offers: tuple[Offer, ...] = (),
    **facts: object,
) -> Card:
    """Return a card on which one source says so."""
    claims = {
        field: (Claim(value=value, source="s", record=card_id),) for field, value in facts.items()
    }
    return Card(
        id=card_id,
        facts=cast(dict[Field, tuple[Claim, ...]], claims),
        openness=openness,
        files=files,
        offers=offers,
    )


def offer(provider: str, input_price: str | None, output_price: str | None, **more: Any) -> Offer:
    """Return an offer at these prices, in dollars unless `more` says otherwise."""
    return Offer(
        provider=provider,
        provider_title=provider.title(),
        model="m",
        source="s",
        record=provider,
        date="2026-07-02",
        input_per_mtok=input_price,
        output_per_mtok=output_price,
        **more,
    )
