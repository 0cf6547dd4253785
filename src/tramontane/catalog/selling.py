"""What models are called where they are sold: whether a name that somebody wrote is one of them.

It repeats what sources wrote on their day: a provider may sell more, or no longer sell it.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from tramontane.catalog.cards import Card

NEAREST = 3


def names_at(cards: Iterable[Card], kind: str) -> frozenset[str]:
    """Return what models are asked for as at providers of that kind (`providers.kinds`)."""
    return frozenset(offer.model for card in cards for offer in card.offers if offer.kind == kind)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are spelt nearly so, the nearest first; case does not count."""
    spelt = {each.casefold(): each for each in sorted(known)}
    return [spelt[each] for each in get_close_matches(name.casefold(), spelt, NEAREST)]
