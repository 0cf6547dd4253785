"""Words of names and texts, as the catalogue is searched by them: folded, split, nearly spelt.

It knows letters, not models.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST = 24
"""Letters of a word that is looked for among misspelt ones."""

# A version stays one word: 3.1, v0.3, qwen2.5.
_WORD = re.compile(r"[^\W_]+(?:\.[0-9]+[^\W_]*)*")
_LETTERS_THEN_DIGITS = re.compile(r"([^\W\d_]{2,})([0-9].*)")
_PIECES = re.compile(r"[^\W\d_]+|[0-9]+")


def folded(text: str) -> str:
    """Return `text` without case and accents."""
    if text.isascii():
        return text.lower()
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in parted if not unicodedata.combining(letter))


def words(text: str) -> list[str]:
    """Return the words of `text` in order, folded.

    >>> words("Qwen2.5-7B Instruct")
    ['qwen2.5', '7b', 'instruct']
    """
    return _WORD.findall(folded(text))


def spellings(word: str) -> list[str]:
    """Return the word, and its parts where a name runs into its number, so that both are found.

    >>> spellings("qwen2.5")
    ['qwen2.5', 'qwen', '2.5']
    """
    parts = _LETTERS_THEN_DIGITS.fullmatch(word)
    return [word] if parts is None else [word, parts[1], parts[2]]


def pieces(word: str) -> list[str]:
    """Return the runs of letters and of digits in a word.

    >>> pieces("llama3.1")
    ['llama', '3', '1']
    """
    return _PIECES.findall(word)


class Spellings:
    """Words that may have been meant by one that is spelt otherwise."""

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
