"""What a model's licence asks of whoever is about to use it, by the card or by where its files lie.

It only repeats what `licences` knows; a licence that is not known is said to be unknown.
"""

from collections.abc import Iterable

import msgspec

from tramontane.catalog import licences
from tramontane.catalog.cards import Card
from tramontane.catalog.packing import Catalogue


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a card's licence. `is_free` None: only its name is. `forbids` are uses that
    it does not allow without another agreement, `limits` what else it asks, in words.
    """

    id: str
    title: str
    url: str | None
    is_free: bool | None
    forbids: list[str]
    limits: str


def terms_of(card: Card) -> Terms | None:
    """Return the terms of a card's licence; None where nobody has named one."""
    licence = card.value("licence")
    if not isinstance(licence, str):
        return None
    known = licences.known(licence)
    if known is None:
        return Terms(id=licence, title=licence, url=None, is_free=None, forbids=[], limits="")
    return Terms(
        id=known.id,
        title=known.title,
        url=known.url,
        is_free=known.is_free,
        forbids=sorted(known.forbids),
        limits=known.limits,
    )


def card_at(catalogue: Catalogue, repository: str) -> Card | None:
    """Return the card whose weights lie at ORG/REPO of the hub; None: none, or several."""
    sought = repository.lower()
    found = [card for card in catalogue.cards() if sought in places(card)]
    return found[0] if len(found) == 1 else None


def words_of(forbidden: Iterable[str]) -> str:
    """Return the uses that a licence forbids in words."""
    words = {
        "commercial": "commercial use",
        "derivatives": "changed versions",
        "production": "use in production",
    }
    return " and ".join(words[use] for use in forbidden)


def places(card: Card) -> set[str]:
    """Return the repositories, ORG/REPO in lower case, where a card's weights lie."""
    said = card.facts.get("repository", ())
    files = (file.uri for file in card.files if file.uri.startswith("hf:"))
    return {str(claim.value).lower() for claim in said} | {
        uri.split(":")[1].lower() for uri in files
    }
