"""Which of five languages each passage is written in, told from the passage and those before it.

Small words decide where there are enough of them; the guide's letters where there are not. What is
in none of the five, or cannot be told, is like the prose before it. It does not know documents.
"""

import re
import unicodedata
from collections import Counter

from tramontane.text.stopwords import STOP_WORDS

ENOUGH = 40  # characters that a guess can stand on
LOOKED_AT = 500
SMALL_WORDS = 4.0  # so many that only one language has, and
AHEAD = 1.8  # so many times those of the next, are enough
FOREIGN_WORDS = 30  # of so many words, fewer small ones than
FOREIGN_SHARE = 0.1  # this share: none of the five languages
SURE_ALONE = 3.0  # how sure the letters must be of another language than that around
LATIN_END = 0x250
_WORD = re.compile(r"[^\W\d_]+")


class Languages:
    """Remembers what the document was in so far."""

    def __init__(self) -> None:
        self._characters: Counter[str] = Counter()
        self._beside: Counter[str] = Counter()  # of tables and headings
        self._last: str | None = None

    @property
    def main(self) -> str | None:
        """The language that most characters are in, None where none could be told."""
        counted = self._characters or self._beside
        return counted.most_common(1)[0][0] if counted else None

    @property
    def last(self) -> str | None:
        """The language of the last prose that could be told."""
        return self._last

    def of(self, text: str, *, is_prose: bool = True) -> str | None:
        """Return the language of `text`; None where it is surely none of the five."""
        said = text[:LOOKED_AT]
        if not _is_latin(said):
            return None
        if len(said) < ENOUGH:
            return self._last
        scores, share, count = _small_words(said)
        best, second = sorted(scores, key=scores.__getitem__, reverse=True)[:2]
        most, next_most = scores[best], scores[second]
        if most >= SMALL_WORDS and most >= AHEAD * next_most:
            return self._found(best, len(text), is_prose)
        if count >= FOREIGN_WORDS and share < FOREIGN_SHARE and is_prose:
            return None
        return self._by_letters(said, len(text), is_prose)

    def _by_letters(self, said: str, length: int, is_prose: bool) -> str | None:
        from tramontane.guide.language import detect  # slow to load, and seldom needed

        guess = detect(said)
        if guess is None:
            return self._last
        needed = 1.0 if guess.language == self._last and is_prose else SURE_ALONE
        if guess.margin < needed:
            return self._last
        return self._found(guess.language, length, is_prose)

    def _found(self, language: str, length: int, is_prose: bool) -> str:
        if is_prose:
            self._characters[language] += length
            self._last = language
        else:
            self._beside[language] += length
        return language


def _small_words(text: str) -> tuple[dict[str, float], float, int]:
    """Return how many small words each language has there, their share, and how many words."""
    scores = dict.fromkeys(STOP_WORDS, 0.0)
    apart = unicodedata.normalize("NFKD", text.casefold())
    words = _WORD.findall("".join(c for c in apart if not unicodedata.combining(c)))
    small = 0
    for word in words:
        own = [language for language, listed in STOP_WORDS.items() if word in listed]
        small += bool(own)
        for language in own:
            scores[language] += 1 / len(own)
    return scores, small / max(1, len(words)), len(words)


def _is_latin(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return sum(ord(character) < LATIN_END for character in letters) * 2 >= len(letters)
