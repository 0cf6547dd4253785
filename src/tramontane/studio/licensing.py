"""Whether somebody has read a licence that forbids uses, before a model under it is served here.

What licences forbid is the catalogue's knowledge; a licence that it does not know stops nobody. It
does not know what the model is to be used for: that is for whoever has read it.
"""

from tramontane.catalog.restrictions import Terms, terms_of, words_of
from tramontane.errors import InvalidRequest, NotFound
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
    it was read: that of the card named, and of the card to which the repository or file belongs.
    """
    if is_read:
        return
    finder = platform.catalogue.finder()
    belongs_to = finder.card_of(sha256=sha256), finder.card_at(repository)
    for each in dict.fromkeys((card_id, *belongs_to)):
        terms = None if each is None else _terms(platform, each)
        if terms is not None and terms.forbids:
            where = f" ({terms.url})" if terms.url else ""
            raise InvalidRequest(
                f"The licence, {terms.title}{where}, forbids {words_of(terms.forbids)}:"
                f" {terms.limits}. Nothing was done. Read it; if your use is allowed, say so with"
                " licence_read.",
                code="licence_not_read",
                param="licence_read",
            )


def _terms(platform: Platform, card_id: str) -> Terms | None:
    """Return the terms of a card; None where it has none, or is no card (any more)."""
    try:
        return terms_of(platform.catalogue.finder().card(card_id)[0])
    except NotFound:
        return None
