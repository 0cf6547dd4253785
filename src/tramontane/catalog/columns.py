"""The catalogue's values and offers as arrays, so that conditions and counts are a few sweeps.

It does not know what was asked: it is told which values, and which rows are left.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tramontane.catalog.prices import Mix
from tramontane.catalog.rows import OfferRow
from tramontane.catalog.words import folded
from tramontane.places import is_within

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]

NO_PRICE = np.int64(2**63 - 1)
FREE = np.int64(2**63 - 2)
"""What is offered for nothing is a trial or part of a subscription: whoever asks what a model costs
is told of the lowest price above that, where there is one.
"""
ELSEWHERE = np.int64(2**62)
"""Stands before prices in a currency that has no rate: they come after all that can be compared."""
# Dearer than this counts as this when compared: sums of mixes then stay within 64 bits.
_DEAREST_NANO = 10_000_000_000_000


class FacetColumn:
    """Which rows have which values: pairs of row and value, by row."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._codes_by_value: dict[str, int] = {}
        self._codes_by_word: dict[str, list[int]] = {}
        self._pairs = array("i")
        self._count = 0

    def add(self, values: Iterable[str]) -> None:
        """Take the next row's values."""
        for value in values:
            code = self._codes_by_value.get(value)
            if code is None:
                code = self._codes_by_value[value] = len(self.values)
                self.values.append(value)
                self._codes_by_word.setdefault(folded(value), []).append(code)
            self._pairs.extend((self._count, code))
        self._count += 1

    def freeze(self) -> None:
        """Be ready to be asked."""
        pairs = np.array(self._pairs, np.int32).reshape(-1, 2)
        self._rows, self._codes = pairs[:, 0].copy(), pairs[:, 1].copy()
        del self._pairs, self._codes_by_value

    def codes_of(self, values: Iterable[str]) -> list[int]:
        """Return the codes of values as `_named` finds them."""
        return [code for value in values for code in _named(value, self._codes_by_word)]

    def having(self, codes: Sequence[int]) -> Mask:
        """Return the rows that have one of these values."""
        found = np.zeros(self._count, np.bool_)
        found[self._rows[self._chosen(codes)]] = True
        return found

    def without(self) -> Mask:
        """Return the rows of which no value is known."""
        found = np.ones(self._count, np.bool_)
        found[self._rows] = False
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

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}
        self.providers = Places()
        self.jurisdictions = Places(("EU",), lambda place, whole: is_within(place, [whole]))
        self._made = array("q")  # row, number and prices of each
        self._count = 0

    def add(self, offers: Iterable[OfferRow]) -> None:
        """Take the next row's offers."""
        for offer in offers:
            self.titles[offer.provider] = offer.provider_title
            self.providers.add(offer.provider)
            self.jurisdictions.add(offer.jurisdiction)
            prices = (offer.input_nano, offer.output_nano, offer.cached_nano)
            capped = (-1 if nano is None else min(nano, _DEAREST_NANO) for nano in prices)
            self._made.extend((self._count, offer.number, *capped, offer.is_converted))
        self._count += 1

    def freeze(self) -> None:
        """Be ready to be asked."""
        made = np.array(self._made, np.int64).reshape(-1, 6)
        del self._made
        self._rows, self._numbers = made[:, 0].astype(np.int32), made[:, 1].astype(np.int32)
        self._input, self._output, cached = made[:, 2].copy(), made[:, 3].copy(), made[:, 4]
        self._cached = np.where(cached < 0, self._input, cached)
        self._is_converted: Mask = made[:, 5] > 0
        counts = np.bincount(self._rows, minlength=self._count)
        self._starts = np.concatenate(([0], np.cumsum(counts)))
        self.providers.freeze(self._rows)
        self.jurisdictions.freeze(self._rows)

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

    def ranked(self, prices: Numbers) -> Numbers:
        """Return what offers are ordered by: their price; after these what is in a currency that
        cannot be compared, then what is for nothing, then what nobody has said.
        """
        is_price = prices < FREE
        ranked = np.where(self._is_converted | ~is_price, prices, prices + ELSEWHERE * is_price)
        return np.where(prices == 0, FREE, ranked)

    def cheapest(self, ranked: Numbers, offers: Mask) -> Numbers:
        """Return the lowest of each row's `offers` as they are `ranked`, NO_PRICE without any."""
        least = np.full(self._count, NO_PRICE)
        if len(self):
            has_offers = self._starts[:-1] < self._starts[1:]
            among = np.where(offers, ranked, NO_PRICE)
            least[has_offers] = np.minimum.reduceat(among, self._starts[:-1][has_offers])
        return least

    def cheapest_of(self, row: int, ranked: Numbers, offers: Mask) -> int | None:
        """Return the place, among its card's offers, of a row's cheapest; None without any price.

        Of several at the same price it is the one that comes first in the card.
        """
        first, end = int(self._starts[row]), int(self._starts[row + 1])
        among = np.where(offers[first:end], ranked[first:end], NO_PRICE)
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
    """Where each offer is: its provider, or the law it is under. Who asks for one of `wholes` means
    all that `is_part` of it as well.
    """

    def __init__(
        self,
        wholes: Sequence[str] = (),
        is_part: Callable[[str, str], bool] = lambda place, whole: False,
    ) -> None:
        self._wholes, self._is_part = wholes, is_part
        self.values: list[str] = []
        self._by_value: dict[str | None, int] = {None: -1}
        self._made = array("i")

    def add(self, name: str | None) -> None:
        """Take the next offer's place; None: nobody has said."""
        code = self._by_value.get(name)
        if code is None and name is not None:
            code = self._by_value[name] = len(self.values)
            self.values.append(name)
        self._made.append(-1 if code is None else code)

    def freeze(self, rows: Rows) -> None:
        """Be ready to be asked; `rows` are the offers' cards."""
        self._codes_by_word: dict[str, list[int]] = {}
        self._parts = dict(self._parts_of_wholes())
        for code, value in enumerate(self.values):
            self._codes_by_word.setdefault(folded(value), []).append(code)
        self._codes = np.array(self._made, np.int32)
        del self._made, self._by_value
        # By place and row, so that a card with two offers in one place is counted there once.
        self._order = np.lexsort((rows, self._codes)).astype(np.int32)
        self._ordered_codes, self._ordered_rows = self._codes[self._order], rows[self._order]

    def codes_of(self, values: Iterable[str]) -> list[int]:
        """Return the codes of places as `_named` finds them."""
        return [code for value in values for code in _named(value, self._codes_by_word)]

    def having(self, codes: Sequence[int]) -> Mask:
        """Return the offers in one of these places."""
        return self._are_chosen(codes)[self._codes]

    def without(self) -> Mask:
        """Return the offers of which nobody has said their place."""
        return self._codes < 0

    def counts(self, offers: Mask) -> Numbers:
        """Return how many cards have one of `offers` in each place."""
        kept = offers[self._order]
        codes, rows = self._ordered_codes[kept], self._ordered_rows[kept]
        is_first = np.ones(len(codes), np.bool_)
        is_first[1:] = (codes[1:] != codes[:-1]) | (rows[1:] != rows[:-1])
        counts = np.bincount(codes[is_first & (codes >= 0)], minlength=len(self.values))
        for whole in self._parts:
            has_part = np.zeros(int(rows.max(initial=-1)) + 1, np.bool_)
            has_part[rows[self._are_chosen([whole])[codes]]] = True
            counts[whole] = np.count_nonzero(has_part)
        return counts

    def _parts_of_wholes(self) -> Iterator[tuple[int, list[int]]]:
        """Yield the code of each whole that some offer is in, with those of its parts."""
        for whole in self._wholes:
            parts = [c for c, value in enumerate(self.values) if self._is_part(value, whole)]
            if parts and whole not in self.values:
                self.values.append(whole)
            if parts:
                yield self.values.index(whole), parts

    def _are_chosen(self, codes: Iterable[int]) -> Mask:
        """Return, by code, whether it is one of `codes` or a part of one; the last for what is
        unknown: -1.
        """
        is_chosen = np.zeros(len(self.values) + 1, np.bool_)
        for code in codes:
            is_chosen[[code, *self._parts.get(code, ())]] = True
        return is_chosen


def _named(value: str, codes_by_word: Mapping[str, list[int]]) -> list[int]:
    """Return the codes of a value, whatever its case and accents; where none is spelt so, of those
    that begin with it: apache is apache-2.0, Mistral is Mistral AI.
    """
    wanted = folded(value)
    if wanted in codes_by_word:
        return codes_by_word[wanted]
    return [
        code
        for word, codes in codes_by_word.items()
        if wanted and word.startswith(wanted) and not word[len(wanted)].isalnum()
        for code in codes
    ]
