"""The catalogue's values and offers as arrays, so that conditions and counts are a few sweeps.

It does not know what was asked: it is told which values, and which rows are left.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tramontane.catalog.prices import Mix
from tramontane.catalog.rows import OfferRow, Row
from tramontane.catalog.words import folded

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]

NO_PRICE = np.int64(2**63 - 1)
# Dearer than this counts as this when compared: sums of mixes then stay within 64 bits.
_DEAREST_NANO = 30_000_000_000_000


class FacetColumn:
    """Which rows have which values: pairs of row and value, by row."""

    def __init__(self, rows: int, values_of: Iterable[Iterable[str]]) -> None:
        """Take every row's values, in the order of rows."""
        codes: dict[str, int] = {}
        pairs = [
            (number, codes.setdefault(value, len(codes)))
            for number, values in enumerate(values_of)
            for value in values
        ]
        self._count = rows
        self.values = list(codes)
        self._codes_by_word: dict[str, list[int]] = {}
        for value, code in codes.items():
            self._codes_by_word.setdefault(folded(value), []).append(code)
        self._rows = np.array([row for row, _ in pairs], np.int32)
        self._codes = np.array([code for _, code in pairs], np.int32)

    def codes_of(self, values: Iterable[str]) -> list[int]:
        """Return the codes of values, whatever their case and accents; unknown ones have none."""
        return [code for value in values for code in self._codes_by_word.get(folded(value), ())]

    def having(self, codes: Sequence[int]) -> Mask:
        """Return the rows that have one of these values."""
        found = np.zeros(self._count, np.bool_)
        found[self._rows[self._chosen(codes)]] = True
        return found

    def counts(self, rows: Mask) -> Numbers:
        """Return how many of `rows` have each value."""
        if rows.all():
            codes = self._codes
        else:
            codes = self._codes[rows[self._rows]]
        return np.bincount(codes, minlength=len(self.values))

    def _chosen(self, codes: Sequence[int]) -> Mask:
        is_chosen = np.zeros(len(self.values), np.bool_)
        is_chosen[list(codes)] = True
        return is_chosen[self._codes]


class OfferTable:
    """All offers by card, with their places and prices."""

    def __init__(self, rows: Sequence[Row]) -> None:
        pairs = [(number, offer) for number, row in enumerate(rows) for offer in row.offers]
        self._count = len(rows)
        self._rows = np.array([number for number, _ in pairs], np.int32)
        self._numbers = np.array([offer.number for _, offer in pairs], np.int32)
        counts = np.bincount(self._rows, minlength=len(rows))
        self._starts = np.concatenate(([0], np.cumsum(counts)))
        self._input = _prices(pairs, lambda offer: offer.input_nano)
        self._output = _prices(pairs, lambda offer: offer.output_nano)
        self._cached = _prices(pairs, lambda offer: offer.cached_nano)
        self._cached = np.where(self._cached < 0, self._input, self._cached)
        self.providers = Places(self._rows, [offer.provider for _, offer in pairs])
        self.jurisdictions = Places(self._rows, [offer.jurisdiction for _, offer in pairs])
        self.titles = {offer.provider: offer.provider_title for _, offer in pairs}

    def __len__(self) -> int:
        return len(self._rows)

    def priced(self, mix: Mix) -> Numbers:
        """Return each offer's price at `mix`, times its parts; NO_PRICE where nobody has said."""
        total = np.zeros(len(self), np.int64)
        unknown = np.zeros(len(self), np.bool_)
        for parts, prices in (
            (mix.input, self._input),
            (mix.output, self._output),
            (mix.cached, self._cached),
        ):
            if parts:
                total += prices * parts
                unknown |= prices < 0
        total[unknown] = NO_PRICE
        return total

    def cheapest(self, prices: Numbers, offers: Mask) -> Numbers:
        """Return each row's lowest price among `offers`; NO_PRICE where none is known."""
        least = np.full(self._count, NO_PRICE)
        if len(self):
            has_offers = self._starts[:-1] < self._starts[1:]
            among = np.where(offers, prices, NO_PRICE)
            least[has_offers] = np.minimum.reduceat(among, self._starts[:-1][has_offers])
        return least

    def cheapest_of(self, row: int, prices: Numbers, offers: Mask) -> int | None:
        """Return the place, among its card's offers, of a row's cheapest; None without any price.

        Of several at the same price it is the one that comes first in the card.
        """
        first, end = int(self._starts[row]), int(self._starts[row + 1])
        among = np.where(offers[first:end], prices[first:end], NO_PRICE)
        if not len(among) or among.min() == NO_PRICE:
            return None
        return int(self._numbers[first + int(among.argmin())])

    def rows_with(self, offers: Mask) -> Mask:
        """Return the rows that one of `offers` belongs to."""
        found = np.zeros(self._count, np.bool_)
        found[self._rows[offers]] = True
        return found

    def of_rows(self, rows: Mask) -> Mask:
        """Return the offers that belong to one of `rows`."""
        return rows[self._rows]


class Places:
    """Where each offer is: its provider, or the law it is under."""

    def __init__(self, rows: Rows, named: Sequence[str | None]) -> None:
        codes: dict[str, int] = {}
        for name in named:
            if name is not None:
                codes.setdefault(name, len(codes))
        self.values = list(codes)
        self._by_word = {folded(value): code for value, code in codes.items()}
        self._codes = np.array([-1 if n is None else codes[n] for n in named], np.int32)
        self._rows = rows
        # By place and row, so that a card with two offers in one place is counted there once.
        self._order = np.lexsort((rows, self._codes)).astype(np.int32)

    def codes_of(self, values: Iterable[str]) -> list[int]:
        """Return the codes of places, whatever their case; unknown ones have none."""
        words = map(folded, values)
        return [self._by_word[word] for word in words if word in self._by_word]

    def having(self, codes: Sequence[int]) -> Mask:
        """Return the offers in one of these places."""
        is_chosen = np.zeros(len(self.values) + 1, np.bool_)  # the last for what is unknown: -1
        is_chosen[list(codes)] = True
        return is_chosen[self._codes]

    def counts(self, offers: Mask) -> Numbers:
        """Return how many cards have one of `offers` in each place."""
        kept = self._order[offers[self._order]]
        codes, rows = self._codes[kept], self._rows[kept]
        is_first = np.ones(len(kept), np.bool_)
        is_first[1:] = (codes[1:] != codes[:-1]) | (rows[1:] != rows[:-1])
        return np.bincount(codes[is_first & (codes >= 0)], minlength=len(self.values))


def _prices(pairs: Sequence[tuple[int, OfferRow]], of: Callable[[OfferRow], int | None]) -> Numbers:
    found = (of(offer) for _, offer in pairs)
    return np.array([-1 if nano is None else min(nano, _DEAREST_NANO) for nano in found], np.int64)
