"""Which cards have which words, and how well they match what is typed.

Words are in one sorted list, so that those with the same beginning lie side by side, with their
cards: looking up a beginning is looking up a range. It does not know what a card is beyond its
texts.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tramontane.catalog.rows import Row
from tramontane.catalog.spellings import Spellings
from tramontane.catalog.words import spellings, words

Scores = NDArray[np.uint8]

NAME, ALIAS, VALUE, DESCRIPTION = 4, 3, 2, 1
"""How near a word is to the model. A whole word counts one more than its beginning."""
MISSPELT = 1
WHOLE_NAME = 10
"""What is added where the words typed are the model's whole name."""

_WHOLE = "="  # before a whole name, where it stands among the words: no word begins so
_AFTER = "\U0010ffff"
_DESCRIPTION_WORDS = 60


class Postings:
    """The words of names, other names and descriptions."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._made = array("i")  # word, row and nearness of each
        self._count = 0

    def add(self, row: Row) -> None:
        """Take the next row's words."""
        codes = self._codes
        for word, near in _words_of(row).items():
            self._made.extend((codes.setdefault(word, len(codes)), self._count, near))
        self._count += 1

    def freeze(self) -> None:
        """Be ready to be asked."""
        made, codes = np.array(self._made, np.int32).reshape(-1, 3), self._codes
        self._words = sorted(codes)
        place = np.zeros(len(codes), np.int32)
        place[[codes[word] for word in self._words]] = np.arange(len(codes))
        del self._made, self._codes
        word_places = place[made[:, 0]]
        order = np.lexsort((made[:, 1], word_places))
        self._rows = made[order, 1].astype(np.int32)
        self._near = made[order, 2].astype(np.uint8)
        counts = np.bincount(word_places, minlength=len(self._words))
        self._starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        self._spellings = self._of_names()

    def scores(self, word: str) -> Scores:
        """Return how well each row matches what begins with `word`, 0 for not at all."""
        first = bisect_left(self._words, word)
        return self._spread(first, bisect_right(self._words, word + _AFTER, first), word)

    def misspelt(self, word: str) -> Scores:
        """Return the rows with a name that is spelt nearly so."""
        found = np.zeros(self._count, np.uint8)
        for place in self._spellings.near(word):
            found[self._rows[self._starts[place] : self._starts[place + 1]]] = MISSPELT
        return found

    def whole(self, typed: Sequence[str]) -> NDArray[np.int32]:
        """Return the rows whose name has these words and no others."""
        name = _WHOLE + " ".join(typed)
        place = bisect_left(self._words, name)
        is_known = place < len(self._words) and self._words[place] == name
        end = self._starts[place + 1] if is_known else self._starts[place]
        found: NDArray[np.int32] = self._rows[self._starts[place] : end]
        return found

    def _spread(self, first: int, end: int, word: str) -> Scores:
        found = np.zeros(self._count, np.uint8)
        if first == end:
            return found
        among = slice(self._starts[first], self._starts[end])
        rows, near = self._rows[among], 2 * self._near[among]
        if self._words[first] == word:
            near[: self._starts[first + 1] - self._starts[first]] += 1
        for score in np.flatnonzero(np.bincount(near)):  # the best last: it stays
            found[rows[near == score]] = score
        return found

    def _of_names(self) -> Spellings:
        is_name = np.zeros(len(self._words), np.bool_)
        repeated = np.repeat(np.arange(len(self._words)), np.diff(self._starts))
        is_name[repeated[self._near >= NAME]] = True
        places = [int(place) for place in np.flatnonzero(is_name)]
        return Spellings([self._words[place] for place in places], places)


def _words_of(row: Row) -> dict[str, int]:
    """Return each word of a card with how near it is."""
    found: dict[str, int] = {}
    for word in words(row.description)[:_DESCRIPTION_WORDS]:
        found[word] = DESCRIPTION
    for alias in row.aliases:
        for word in words(alias):
            found |= dict.fromkeys(spellings(word), ALIAS)
    publisher, _, name = row.id.rpartition("/")
    for word in words(publisher):
        found[word] = max(found.get(word, 0), VALUE)
    for text in (row.name, name):
        typed = words(text)
        for word in typed:
            found |= dict.fromkeys(spellings(word), NAME)
        found[_WHOLE + " ".join(typed)] = NAME
    return found
