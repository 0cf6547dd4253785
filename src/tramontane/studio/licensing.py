"""Whether somebody has read a licence that forbids uses, before a model under it is served here.

What licences forbid is the catalogue's knowledge; a licence that it does not know stops nobody. It
does not know what the model is to be used for: that is for whoever has read it.
"""

from tramontane.catalog.restrictions import Terms, require_read, terms_of
from tramontane.engines.hub import parse_source
from tramontane.errors import NotFound
from tramontane.store import pulls
from tramontane.studio.platform import Platform


def check_read(
    platform: Platform,
    *,
    card_id: str | None,
    repository: str | None = None,
    sha256: str | None = None,
    is_read: bool,
) -> None:
    """Raise InvalidRequest (`licence_not_read`) where a licence forbids uses and nobody says that
    it was read: that of the card named, and of the card to which the repository belongs, the file,
    or the repository that the file was fetched from.
    """
    if is_read:
        return
    finder = platform.catalogue.finder()
    places = [repository]
    if sha256 is not None:
        with platform.store.read() as c:
            sources = pulls.sources_of(c, sha256)
        places += [parse_source(source).repository for source in sources]
    belongs_to = (finder.card_of(sha256=sha256), *(finder.card_at(place) for place in places))
    for each in dict.fromkeys((card_id, *belongs_to)):
        terms = None if each is None else _terms(platform, each)
        if terms is not None:
            require_read(terms, is_read=is_read, how="licence_read")


def _terms(platform: Platform, card_id: str) -> Terms | None:
    """Return the terms of a card; None where it has none, or is no card (any more)."""
    try:
        return terms_of(platform.catalogue.finder().card(card_id)[0])
    except NotFound:
        return None
