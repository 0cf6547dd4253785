"""Words that may have been meant by one that is spelt otherwise.

It knows letters, not models.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST = 24
"""Letters of a word that is looked for among misspelt ones."""


class Spellings:
    """Known words, to be found by nearly their letters."""

    def __init__(self, known: Sequence[str], at: Sequence[int]) -> None:
        """Take the words and what to return for each; other than ASCII is left out."""
        usable = [i for i, word in enumerate(known) if word.isascii() and len(word) <= LONGEST]
        self._at = np.array([at[i] for i in usable], np.int32)
        self._letters = np.zeros((len(usable), LONGEST), np.uint8)
        self._lengths = np.array([len(known[i]) for i in usable], np.int8)
        for row, i in enumerate(usable):
            found = known[i].encode()
            self._letters[row, : len(found)] = np.frombuffer(found, np.uint8)

    def near(self, word: str) -> list[int]:
        """Return what stands for the words nearest to `word`: up to one slip, two in long words.

        A slip is a letter too many, too few, another, or two that changed places.
        """
        if not word.isascii() or not 4 <= len(word) <= LONGEST or word[0].isdigit():
            return []
        most = 1 if len(word) < 8 else 2
        near_in_length = np.abs(self._lengths - len(word)) <= most
        rows = np.flatnonzero(near_in_length)
        if not len(rows):
            return []
        distances = _distances(word.encode(), self._letters[rows], self._lengths[rows])
        least = int(distances.min())
        if least > most:
            return []
        return [int(n) for n in self._at[rows[distances == least]]]


def _distances(
    word: bytes, letters: NDArray[np.uint8], lengths: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Return the restricted Damerau-Levenshtein distance of `word` to each row, in one sweep."""
    count, width = letters.shape
    before: list[NDArray[np.int8]] = []
    last = [np.full(count, column, np.int8) for column in range(width + 1)]
    for i, letter in enumerate(word, start=1):
        now = [np.full(count, i, np.int8)]
        for j in range(1, width + 1):
            best = last[j - 1] + (letters[:, j - 1] != letter)
            best = np.minimum(best, np.minimum(last[j], now[j - 1]) + np.int8(1))
            if i > 1 and j > 1:
                swapped = (letters[:, j - 2] == letter) & (letters[:, j - 1] == word[i - 2])
                best = np.where(swapped, np.minimum(best, before[j - 2] + np.int8(1)), best)
            now.append(best.astype(np.int8))
        before, last = last, now
    return np.stack(last)[lengths, np.arange(count)]
