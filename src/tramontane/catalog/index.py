"""The catalogue in memory: which cards a question finds, in which order, and the counts beside it.

Pure: made of rows, asked with queries, changed never. It does not know cards, files or stores.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import reduce
from itertools import islice
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from tramontane.catalog import language_names
from tramontane.catalog.columns import (
    FacetColumn,
    Mask,
    Numbers,
    OfferTable,
    Places,
)
from tramontane.catalog.machine import Memory
from tramontane.catalog.postings import VALUE, WHOLE_NAME, Postings, Scores
from tramontane.catalog.queries import (
    ENUMERATED,
    FACETS,
    UNKNOWN,
    Facet,
    FacetCount,
    Found,
    Query,
    Unmatched,
)
from tramontane.catalog.rows import Row
from tramontane.catalog.words import folded, pieces, spellings, words

MOST_VALUES_SHOWN = 200
MOST_WORDS = 12
_LEAST_BEGINNING = 3  # letters, before a value is found by its beginning
_UNKNOWN = -1
_LAST = np.int64(2**62)

_VALUES: Sequence[tuple[Facet, Callable[[Row], Iterable[str]]]] = (
    ("publisher", lambda row: _one(row.publisher)),
    ("openness", lambda row: (row.openness,)),
    ("licence", lambda row: _one(row.licence)),
    ("language", lambda row: row.languages),
    ("ability", lambda row: row.abilities),
    ("kind", lambda row: _one(row.kind)),
    ("modality", lambda row: row.modalities),
)
"""The facets of cards; the others are of their offers."""

_FACETS_OF_WORDS: tuple[Facet, ...] = (
    "publisher", "openness", "licence", "language", "ability", "kind", "provider",
)  # fmt: skip


class _Conditions(msgspec.Struct, frozen=True):
    """What must hold: of cards by facet, of cards besides, of offers by facet and by price."""

    rest: Mask
    cards: dict[Facet, Mask]
    offers: dict[Facet, Mask]
    price: Mask | None


class Index:
    """All cards, to be searched."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Take the rows one by one: they may be made as they are asked for."""
        self.ids: list[str] = []
        self._offers = OfferTable()
        self._columns = {facet: FacetColumn() for facet, _ in _VALUES}
        self._postings = Postings()
        self._owners: list[tuple[int, str]] = []
        best, names, numbers = [], [], array("q")
        for row in rows:
            if row.project_id is not None:
                self._owners.append((len(self.ids), row.project_id))
            self.ids.append(row.id)
            self._take(row)
            best.append(best_key(row))
            names.append((folded(row.name), row.id))
            numbers.extend(_numbers_of(row))
        self._count = len(self.ids)
        self._freeze(np.array(numbers, np.int64).reshape(-1, 6))
        self._best, self._name = _places_in(best), _places_in(names)
        self._values = sorted(self._words_of_values())

    def _take(self, row: Row) -> None:
        self._postings.add(row)
        self._offers.add(row.offers)
        for facet, of in _VALUES:
            self._columns[facet].add(of(row))

    def _freeze(self, numbers: Numbers) -> None:
        self._postings.freeze()
        self._offers.freeze()
        for column in self._columns.values():
            column.freeze()
        self._context: Numbers = numbers[:, 0].copy()
        self._parameters: Numbers = numbers[:, 1].copy()
        self._needed: Numbers = numbers[:, 2].copy()
        self._released: Numbers = numbers[:, 3].copy()
        self._has_files: Mask = numbers[:, 4] > 0
        self._has_offers: Mask = numbers[:, 5] > 0

    def __len__(self) -> int:
        return self._count

    def search(
        self,
        query: Query,
        *,
        memory: Memory | None = None,
        here: Collection[str] = (),
        seen_by: Collection[str] | None = None,
    ) -> Found:
        """Return what `query` finds.

        `here` are the ids of cards that are deployed on this platform, `seen_by` the projects
        whose own cards are seen beside everybody's; None: all.
        """
        visible = self._visible(seen_by)
        matches, scores = self._matches(query.text, visible)
        prices = self._offers.priced(query.mix)
        conditions = _Conditions(
            visible & matches & self._in_range(query, memory, here),
            {f: _having(c, query.values[f]) for f, c in self._columns.items() if f in query.values},
            self._offer_conditions(query),
            None if query.max_price_nano is None
            else prices <= query.max_price_nano * query.mix.parts,
        )  # fmt: skip
        offers = self._offers_left(conditions)
        left = self._rows_left(conditions)
        ranked = self._offers.ranked(prices)
        cheapest = self._offers.cheapest(ranked, offers)
        rows = self._ordered(query, left, scores, cheapest)
        shown = rows[query.offset : query.offset + query.limit]
        return Found(
            total=int(np.count_nonzero(left)),
            rows=[int(row) for row in shown],
            cheapest=[self._offers.cheapest_of(int(row), ranked, offers) for row in shown],
            facets=self._facets(query, conditions, visible),
            unknown=dict(self._unknown(query, conditions, left)),
            unmatched=list(self._unmatched(query, visible)),
        )

    # -- conditions

    def _visible(self, seen_by: Collection[str] | None) -> Mask:
        visible = np.ones(self._count, np.bool_)
        if seen_by is not None:
            visible[[row for row, project in self._owners if project not in seen_by]] = False
        return visible

    def _in_range(self, query: Query, memory: Memory | None, here: Collection[str]) -> Mask:
        left = np.ones(self._count, np.bool_)
        for numbers, least, most in (
            (self._context, query.min_context, query.max_context),
            (self._parameters, query.min_parameters, query.max_parameters),
        ):
            if least is not None:
                left &= numbers >= least
            if most is not None:
                left &= (numbers <= most) & (numbers != _UNKNOWN)
        if query.fits:
            most_bytes = 0 if memory is None else memory.available_bytes
            left &= (self._needed <= most_bytes) & (self._needed != _UNKNOWN)
        if query.offered:
            left &= self._offered(query, here)
        return left

    def _offered(self, query: Query, here: Collection[str]) -> Mask:
        found = np.zeros(self._count, np.bool_)
        if "local" in query.offered:
            found |= self._has_files
        if "provider" in query.offered:
            found |= self._has_offers
        if "here" in query.offered and here:
            found |= np.fromiter((card_id in here for card_id in self.ids), np.bool_, self._count)
        return found

    def _offer_conditions(self, query: Query) -> dict[Facet, Mask]:
        return {
            facet: _having(places, query.values[facet])
            for facet, places in self._places().items()
            if facet in query.values
        }

    def _places(self) -> dict[Facet, Places]:
        return {"provider": self._offers.providers, "jurisdiction": self._offers.jurisdictions}

    def _offers_left(self, conditions: _Conditions, but: Facet | None = None) -> Mask:
        left = np.ones(len(self._offers), np.bool_)
        for facet, holds in conditions.offers.items():
            if facet != but:
                left &= holds
        return left if conditions.price is None else left & conditions.price

    def _rows_left(self, conditions: _Conditions, but: Facet | None = None) -> Mask:
        left = conditions.rest.copy()
        for facet, holds in conditions.cards.items():
            if facet != but:
                left &= holds
        if conditions.price is not None or conditions.offers.keys() - {but}:
            left &= self._offers.rows_with(self._offers_left(conditions, but))
        return left

    # -- words

    def _matches(self, text: str, visible: Mask) -> tuple[Mask, Numbers | None]:
        """Return the rows that have every word of `text`, and how well; None without words."""
        typed = words(text)[:MOST_WORDS]
        if not typed:
            return visible, None
        matches, total = self._all_of(typed, visible)
        if len(typed) > 1 and not matches.any():  # "deep seek" is written as one
            matches, total = self._all_of(["".join(typed)], visible)
        total[self._postings.whole(typed)] += WHOLE_NAME
        return matches, total

    def _all_of(self, typed: Sequence[str], visible: Mask) -> tuple[Mask, Numbers]:
        matches, total = visible.copy(), np.zeros(self._count, np.int64)
        for word in typed:
            scores = self._nearest_scores(word, visible)
            matches &= scores > 0
            total += scores
        return matches, total

    def _nearest_scores(self, word: str, visible: Mask) -> Scores:
        """Return how well a word is matched: as it stands, else in pieces, else misspelt."""
        scores = self._scores(word) * visible
        if scores.any():
            return scores
        for parts in (spellings(word)[1:], pieces(word)):
            if len(parts) > 1:
                scores = reduce(np.minimum, map(self._scores, parts)) * visible
                if scores.any():
                    return scores
        return self._postings.misspelt(word) * visible

    def _scores(self, word: str) -> Scores:
        scores = self._postings.scores(word)
        for facet, codes in self._values_of(word).items():
            places = self._places().get(facet)
            if places is None:
                having = self._columns[facet].having(codes)
            else:
                having = self._offers.rows_with(places.having(codes))
            scores = np.maximum(scores, having.astype(np.uint8) * np.uint8(2 * VALUE))
        return scores

    def _values_of(self, word: str) -> dict[Facet, list[int]]:
        """Return the values that have a word which begins so (or is so, where it is short)."""
        found: dict[Facet, list[int]] = {}
        first = bisect_left(self._values, word, key=itemgetter(0))
        for known, facet, code in islice(self._values, first, None):
            if not known.startswith(word) or (known != word and len(word) < _LEAST_BEGINNING):
                break
            found.setdefault(facet, []).append(code)
        return found

    def _words_of_values(self) -> Iterator[tuple[str, Facet, int]]:
        known = language_names.names()
        for facet in _FACETS_OF_WORDS:
            for code, value in enumerate(self._known_values(facet)):
                texts = [value]
                if facet == "language":
                    texts = list(known.get(value, ()))
                elif facet == "provider":
                    texts.append(self._offers.titles[value])
                found = {word for text in texts for word in words(text.replace("_", " "))}
                yield from ((word, facet, code) for word in found)

    # -- order

    def _ordered(
        self, query: Query, left: Mask, scores: Numbers | None, prices: Numbers
    ) -> Numbers:
        """Return the first rows in the order asked for, at least up to the page's end."""
        rows = np.flatnonzero(left)
        key = self._keys(query, scores, prices)[rows]
        end = query.offset + query.limit
        if len(rows) > 2 * end:  # only those that can be among the first are put in order
            kept = key <= np.partition(key, end - 1)[end - 1]
            rows, key = rows[kept], key[kept]
        return rows[np.lexsort((self._best[rows], key))]

    def _keys(self, query: Query, scores: Numbers | None, prices: Numbers) -> Numbers:
        if query.sort == "price":
            return prices
        if query.sort == "context":
            return np.where(self._context == _UNKNOWN, _LAST, -self._context)
        if query.sort == "size":
            return np.where(self._parameters == _UNKNOWN, _LAST, self._parameters)
        if query.sort == "newest":
            return -self._released
        if query.sort == "name":
            return self._name
        return self._best if scores is None else -scores

    # -- counts

    def _facets(
        self, query: Query, conditions: _Conditions, visible: Mask
    ) -> dict[Facet, list[FacetCount]]:
        found: dict[Facet, list[FacetCount]] = {}
        without_any = self._rows_left(conditions)
        for facet in FACETS:
            asked = query.values.get(facet)
            rows = without_any if asked is None else self._rows_left(conditions, facet)
            counts = self._counts(facet, rows, self._offers_left(conditions, facet))
            chosen = [] if asked is None else self._chosen(facet, asked, visible)
            found[facet] = list(self._counted(facet, counts, chosen))
        return found

    def _unknown(
        self, query: Query, conditions: _Conditions, left: Mask
    ) -> Iterator[tuple[Facet, int]]:
        """Yield how many more `unknown` would find, by facet of which some are not known."""
        for facet, asked in query.values.items():
            known = self._known(facet)
            is_unknown = _having(known, (UNKNOWN,))
            if isinstance(known, Places):
                offers = self._offers_left(conditions, facet) & is_unknown
                is_unknown = self._offers.rows_with(offers)
            more = self._rows_left(conditions, facet) & is_unknown & ~left
            if UNKNOWN not in asked and more.any():
                yield facet, int(np.count_nonzero(more))

    def _counts(self, facet: Facet, rows: Mask, offers: Mask | None = None) -> Numbers:
        places = self._places().get(facet)
        if places is None:
            return self._columns[facet].counts(rows)
        of_rows = self._offers.of_rows(rows)
        return places.counts(of_rows if offers is None else offers & of_rows)

    def _chosen(self, facet: Facet, asked: Iterable[str], visible: Mask) -> list[int]:
        """Return the codes that were asked for, of those that some visible card has."""
        counts = self._counts(facet, visible)
        return [code for code in self._known(facet).codes_of(asked) if counts[code]]

    def _counted(self, facet: Facet, counts: Numbers, chosen: list[int]) -> Iterator[FacetCount]:
        values = self._known_values(facet)
        order = sorted(np.flatnonzero(counts), key=lambda code: (-counts[code], values[code]))
        shown = order[:MOST_VALUES_SHOWN]
        for code in dict.fromkeys([*map(int, shown), *chosen]):
            title = self._title(facet, values[code])
            yield FacetCount(value=values[code], count=int(counts[code]), title=title)

    def _title(self, facet: Facet, value: str) -> str | None:
        if facet == "language":
            return language_names.title(value)
        return self._offers.titles[value] if facet == "provider" else None

    def _known_values(self, facet: Facet) -> list[str]:
        return self._known(facet).values

    def _known(self, facet: Facet) -> FacetColumn | Places:
        return self._places().get(facet) or self._columns[facet]

    def _unmatched(self, query: Query, visible: Mask) -> Iterator[Unmatched]:
        for facet, asked in query.values.items():
            if facet in ENUMERATED:
                continue
            values = self._known_values(facet)
            counted = self._counts(facet, visible).nonzero()[0]
            seen = {folded(values[code]): values[code] for code in counted}
            for value in asked:
                if value != UNKNOWN and not self._chosen(facet, (value,), visible):
                    near = get_close_matches(folded(value), seen, 3)
                    yield Unmatched(facet=facet, value=value, nearest=[seen[n] for n in near])


def _having(known: FacetColumn | Places, values: Sequence[str]) -> Mask:
    """Return the rows, or offers, with one of `values`; `unknown` is none that anybody said."""
    having = known.having(known.codes_of(values))
    return having | known.without() if UNKNOWN in values else having


def best_key(row: Row) -> tuple[int, int, str]:
    """Return what the order "best" goes by once words have been matched.

    Nothing else of a card counts: neither who publishes or offers it, nor whether it is open.
    """
    return -row.completeness, -row.released, row.id


def _places_in(keys: Sequence[Any]) -> Numbers:
    """Return each key's place in the order of all."""
    places = np.empty(len(keys), np.int64)
    places[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return places


def _numbers_of(row: Row) -> tuple[int, ...]:
    known = (row.context_tokens, row.parameters, row.needed_bytes)
    counts = (_UNKNOWN if value is None else value for value in known)
    return *counts, row.released, row.has_files, bool(row.offers)


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)
