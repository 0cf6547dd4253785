"""Which of five languages each passage is written in, told from the passage and those before it.

It does not know documents.
"""

from collections import Counter

from tramontane.guide.language import detect

ENOUGH = 40  # characters that a guess can stand on
LOOKED_AT = 500
SURE_ALONE = 3.0  # how sure to be of a passage in another language than those around it
LATIN_END = 0x250


class Languages:
    """Remembers what the document was in so far."""

    def __init__(self) -> None:
        self._characters: Counter[str] = Counter()
        self._last: str | None = None

    @property
    def main(self) -> str | None:
        """The language that most characters are in, None where none could be told."""
        return self._characters.most_common(1)[0][0] if self._characters else None

    @property
    def last(self) -> str | None:
        """The language of the last prose that could be told."""
        return self._last

    def of(self, text: str, *, is_prose: bool = True) -> str | None:
        """Return the language of `text`; what cannot be told is like the prose before it."""
        said = text[:LOOKED_AT]
        if not _is_latin(said):
            return None
        guess = detect(said) if len(said) >= ENOUGH else None
        if guess is None:
            return self._last
        needed = 1.0 if guess.language == self._last and is_prose else SURE_ALONE
        if guess.margin < needed:
            return self._last
        if is_prose:
            self._characters[guess.language] += len(text)
            self._last = guess.language
        return guess.language


def _is_latin(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return sum(ord(character) < LATIN_END for character in letters) * 2 >= len(letters)
