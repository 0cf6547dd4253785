"""Which of five languages a text is written in: French, German, Spanish, Italian or English.

Small words count most, then the triples of letters that each language likes, as the handbook has
them (Cavnar and Trenkle, 1994, with likelihoods instead of ranks). It does not know any other
language, and says so where it cannot tell.
"""

import math
from collections import Counter
from functools import cache

import msgspec

from tramontane.guide.vocabulary import fold, listed, words_of
from tramontane.handbook import LANGUAGES, pages

SURE = 1.0
SURE_OF_ANOTHER = 3.0
_SMALL_WORD = 3.0
_OWN_LETTERS = {"ß": "de", "ñ": "es", "¿": "es", "¡": "es", "œ": "fr", "ê": "fr", "ë": "fr",
                "ç": "fr", "î": "fr", "â": "fr", "ö": "de", "ä": "de", "ü": "de",
                "ì": "it", "ò": "it"}  # fmt: skip


class Guess(msgspec.Struct, frozen=True):
    """The likeliest language, and by how much more likely than the next (a log likelihood)."""

    language: str
    margin: float

    @property
    def is_sure(self) -> bool:
        """Whether to rely on it."""
        return self.margin >= SURE


@cache
def _triples(language: str) -> tuple[dict[str, float], float]:
    """Return the log likelihood of each triple of letters, and of one never seen."""
    counts: Counter[str] = Counter()
    for page in pages(language):
        for section in page.sections:
            for word in words_of(f"{page.title} {page.words} {section.title} {section.text}"):
                counts.update(_of_word(word))
    total = sum(counts.values()) + 5_000
    return {t: math.log((n + 0.3) / total) for t, n in counts.items()}, math.log(0.3 / total)


def _of_word(word: str) -> list[str]:
    padded = f" {word} "
    return [padded[i : i + 3] for i in range(len(padded) - 2)]


def detect(text: str) -> Guess | None:
    """Return the likeliest language of `text`, None where it has no letters."""
    said = words_of(text[:2_000])
    said = [word for word in said if not any(c.isdigit() for c in word)]
    if not said:
        return None
    scores = dict.fromkeys(LANGUAGES, 0.0)
    for word in said:
        small = [language for language in LANGUAGES if fold(word) in listed(language, "stop")]
        for language in small:
            scores[language] += _SMALL_WORD / len(small)
        for language in LANGUAGES:
            likely, unseen = _triples(language)
            scores[language] += sum(likely.get(t, unseen) for t in _of_word(word)) / 3
    for letter in text.casefold():
        if letter in _OWN_LETTERS:
            scores[_OWN_LETTERS[letter]] += 2
    best, second = sorted(LANGUAGES, key=scores.__getitem__, reverse=True)[:2]
    return Guess(best, scores[best] - scores[second])


def language_of(questions: list[str], usual: str | None) -> str:
    """Return the language to answer the last of `questions` in.

    Where that cannot be told, the one before it decides, then `usual`, then English. It takes more
    to answer in another language than the `usual` one.
    """
    for text in reversed(questions[-4:]):
        guess = detect(text)
        if guess is None or not guess.is_sure:
            continue
        if usual in (None, guess.language) or guess.margin >= SURE_OF_ANOTHER:
            return guess.language
    return usual if usual in LANGUAGES else "en"
