"""What a model's licence asks of whoever is about to use it, by the card or by where its files lie.

It only repeats what `licences` knows; a licence that is not known is said to be unknown.
"""

from collections.abc import Iterable

import msgspec

from tramontane.catalog import licences
from tramontane.catalog.cards import Card
from tramontane.errors import InvalidRequest


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


def cards_of(
    packed: Iterable[Card],
    own: Iterable[Card] = (),
    *,
    sha256: str | None = None,
    repositories: Iterable[str] = (),
) -> list[Card]:
    """Return the cards that weights belong to: that of the file with this SHA-256, and of each
    ORG/REPO of the hub the one whose weights lie there; none where those of several do. What
    somebody has entered as `own` may add to what is `packed`, and takes nothing away.
    """
    places_asked = list(repositories)
    found = [card for cards in (packed, own) for card in _those(cards, sha256, places_asked)]
    return list({card.id: card for card in reversed(found)}.values())[::-1]


def _those(cards: Iterable[Card], sha256: str | None, repositories: list[str]) -> list[Card]:
    at: dict[str, list[Card]] = {each.lower(): [] for each in repositories}
    found: list[Card] = []
    for card in cards:
        if not found and sha256 is not None and any(file.sha256 == sha256 for file in card.files):
            found.append(card)
        for place in places(card) & at.keys() if at else ():
            at[place].append(card)
    return found + [those[0] for those in at.values() if len(those) == 1]


def require_read(terms: Terms, *, is_read: bool, how: str) -> None:
    """Raise InvalidRequest `licence_not_read` where a licence forbids uses and nobody says that it
    was read; `how` is where that is said.
    """
    if is_read or not terms.forbids:
        return
    where = f" ({terms.url})" if terms.url else ""
    raise InvalidRequest(
        f"The licence, {terms.title}{where}, forbids {words_of(terms.forbids)}: {terms.limits}."
        f" Nothing was done. Read it; if your use is allowed, say so with {how}.",
        code="licence_not_read",
        param="licence_read",
    )


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
