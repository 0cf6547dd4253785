"""The catalogue searched the obvious way, card by card: what the index must agree with."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from tramontane.catalog import language_names
from tramontane.catalog.machine import Memory
from tramontane.catalog.prices import Mix
from tramontane.catalog.queries import FACETS, Facet, Query
from tramontane.catalog.rows import OfferRow, Row
from tramontane.catalog.words import folded, pieces, spellings, words
from tramontane.places import EU


def price(offer: OfferRow, mix: Mix) -> int | None:
    """Return the offer's price times the parts of the mix."""
    total = 0
    cached_nano = offer.input_nano if offer.cached_nano is None else offer.cached_nano
    for parts, nano in (
        (mix.input, offer.input_nano),
        (mix.output, offer.output_nano),
        (mix.cached, cached_nano),
    ):
        if parts and nano is None:
            return None
        total += parts * (nano or 0)
    return total


def rank(offer: OfferRow, mix: Mix) -> tuple[int, int]:
    """Return what offers are ordered by: comparable prices, others, nothing, nothing said."""
    cost = price(offer, mix)
    if not cost:
        return (3 if cost is None else 2), 0
    return (0 if offer.is_converted else 1), cost


class Slow:
    """Rows, and one question to them."""

    def __init__(
        self,
        rows: Sequence[Row],
        query: Query,
        memory: Memory | None = None,
        here: Collection[str] = (),
        seen_by: Collection[str] | None = None,
    ) -> None:
        self.query = query
        self.memory = memory
        self.here = here
        self.visible = [
            row
            for row in rows
            if seen_by is None or row.project_id is None or row.project_id in seen_by
        ]
        self.typed = words(query.text)
        self.scores = self._scores(self.typed)
        if len(self.typed) > 1 and not self.scores:
            self.scores = self._scores(["".join(self.typed)])
        for row in self.visible:
            names = (words(row.name), words(row.id.rpartition("/")[2]))
            if self.typed and row.id in self.scores and self.typed in names:
                self.scores[row.id] += 10

    def total(self) -> int:
        """Return how many there are."""
        return sum(self.holds(row) for row in self.visible)

    def order(self) -> list[str]:
        """Return the ids in order."""
        return [row.id for row in sorted(filter(self.holds, self.visible), key=self._key)]

    def counts(self, facet: Facet) -> dict[str, int]:
        """Return the cards with each value, whatever was asked for this facet itself."""
        found = Counter[str]()
        for row in self.visible:
            if self.holds(row, facet):
                found.update(set(self._values(row, facet)))
        return dict(found)

    def holds(self, row: Row, but: Facet | None = None) -> bool:
        """Return whether the row is found, leaving one facet out of account."""
        query, values = self.query, self.query.values
        asked: list[Facet] = [f for f in FACETS if f in values and f != but]
        for facet in asked:
            if facet not in ("provider", "jurisdiction") and not (
                {folded(v) for v in self._values(row, facet)} & {folded(v) for v in values[facet]}
            ):
                return False
        needs_offer = query.max_price_nano is not None or {"provider", "jurisdiction"} & {*asked}
        if needs_offer and not list(self.offers(row, but)):
            return False
        return self._in_range(row) and (not self.typed or row.id in self.scores)

    def offers(self, row: Row, but: Facet | None = None) -> Iterator[OfferRow]:
        """Yield the offers that everything asked of offers holds for."""
        values, most = self.query.values, self.query.max_price_nano
        for offer in row.offers:
            cost = price(offer, self.query.mix)
            if most is not None and (cost is None or cost > most * self.query.mix.parts):
                continue
            places: dict[Facet, str | None] = {
                "provider": offer.provider,
                "jurisdiction": offer.jurisdiction,
            }
            if all(
                facet == but or facet not in values
                or {folded(each) for each in _wholes(facet, place)}
                & {folded(value) for value in values[facet]}
                for facet, place in places.items()
            ):  # fmt: skip
                yield offer

    def _in_range(self, row: Row) -> bool:
        query = self.query
        for value, least, most in (
            (row.context_tokens, query.min_context, query.max_context),
            (row.parameters, query.min_parameters, query.max_parameters),
        ):
            if least is not None and (value is None or value < least):
                return False
            if most is not None and (value is None or value > most):
                return False
        if query.fits and (
            self.memory is None
            or row.needed_bytes is None
            or row.needed_bytes > self.memory.available_bytes
        ):
            return False
        ways = {"local": row.has_files, "provider": row.offers, "here": row.id in self.here}
        return not query.offered or any(ways[way] for way in query.offered)

    def _values(self, row: Row, facet: Facet) -> list[str]:
        if facet in ("provider", "jurisdiction"):
            found = (getattr(offer, facet) for offer in self.offers(row, facet))
            return [whole for value in found for whole in _wholes(facet, value)]
        if facet == "language":
            return list(row.languages)
        if facet == "ability":
            return list(row.abilities)
        if facet == "modality":
            return list(row.modalities)
        value = getattr(row, facet)
        return [] if value is None else [value]

    def _key(self, row: Row) -> tuple[object, ...]:
        best = (-row.completeness, -row.released, row.id)
        sort = self.query.sort
        if sort == "price":
            ranks = [rank(offer, self.query.mix) for offer in self.offers(row)]
            return (min(ranks, default=(3, 0)), *best)
        if sort == "context":
            return (-(row.context_tokens or -(2**80)), *best)
        if sort == "size":
            return (row.parameters or 2**80, *best)
        if sort == "newest":
            return (-row.released, *best)
        if sort == "name":
            return (folded(row.name), row.id)
        return (-self.scores.get(row.id, 0), *best)

    # -- words

    def _scores(self, typed: Sequence[str]) -> dict[str, int]:
        found = dict.fromkeys((row.id for row in self.visible), 0)
        for word in typed:
            scores = self._of_word(word)
            found = {row: so_far + scores[row] for row, so_far in found.items() if row in scores}
        return found if typed else {}

    def _of_word(self, word: str) -> dict[str, int]:
        scores = {row.id: score for row in self.visible if (score := _score(row, word))}
        for parts in (spellings(word)[1:], pieces(word)):
            if not scores and len(parts) > 1:
                each = [{r.id: s for r in self.visible if (s := _score(r, p))} for p in parts]
                scores = {
                    row.id: min(scores[row.id] for scores in each)
                    for row in self.visible
                    if all(row.id in scores for scores in each)
                }
        return scores


def _wholes(facet: Facet, place: str | None) -> tuple[str, ...]:
    """Return what an offer there is found by: a member state is in the Union as well."""
    if place is None:
        return ()
    return (place, "EU") if facet == "jurisdiction" and place in EU else (place,)


def _score(row: Row, word: str) -> int:
    """Return how well the row has a word, as docs/catalogue.md has it."""
    texts: list[tuple[int, str]] = [(4, row.name), (4, row.id.rpartition("/")[2])]
    texts += [(3, alias) for alias in row.aliases]
    texts.append((2, row.id.rpartition("/")[0]))
    best = 0
    for near, text in texts:
        for whole in words(text):
            for known in spellings(whole) if near > 2 else [whole]:
                if known.startswith(word):
                    best = max(best, 2 * near + (known == word))
    for known in words(row.description)[:60]:
        if known.startswith(word):
            best = max(best, 2 + (known == word))
    for value in _value_words(row):
        if value == word or (len(word) >= 3 and value.startswith(word)):
            best = max(best, 4)
    return best


def _value_words(row: Row) -> set[str]:
    texts = [row.publisher, row.openness, row.licence, row.kind, *row.abilities]
    texts += [text for offer in row.offers for text in (offer.provider, offer.provider_title)]
    texts += [name for code in row.languages for name in language_names.names().get(code, ())]
    return {word for text in texts if text for word in words(text.replace("_", " "))}
