"""The guide's own words, one JSON file per language: what it says, and what it takes as said.

It does not know the handbook.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.resources import files

import msgspec
import snowballstemmer

from tramontane.handbook import LANGUAGES

KEPT_STEMS = 20_000
LONGEST_WORD = 40
LONGEST_SAYING = 80

_WORD = re.compile(r"[^\W_]+(?:[.'’](?=[^\W_]))?[^\W_]*")
_STEMMERS = {"en": "english", "fr": "french", "de": "german", "es": "spanish", "it": "italian"}
_JOINED = re.compile(r"\b(log|sign|back|set) (in|out|up|off)\b", re.IGNORECASE)
_ELISION = re.compile(
    r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quelqu|all|dell|nell|dall|sull|un)['’]"
)


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language's file as it is written: lists are words between spaces."""

    stop: str
    sum: str
    hello: str
    thanks: str
    next: str
    add: str
    say: dict[str, str]


@cache
def words(language: str) -> Words:
    """Return the words of `language`."""
    file = files("tramontane.guide") / "words" / f"{language}.json"
    return msgspec.json.decode(file.read_bytes(), type=Words)


@cache
def listed(language: str, name: str) -> frozenset[str]:
    """Return the words of one list, without accents."""
    return frozenset(fold(word) for word in getattr(words(language), name).split())


def say(language: str, name: str, **values: str) -> str:
    """Return one of the guide's own sentences."""
    return words(language).say[name].format(**values)


def fold(text: str) -> str:
    """Return `text` in lower case and without accents.

    >>> fold("Où est l’été ?")
    "ou est l'ete ?"
    """
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(c for c in plain if not unicodedata.combining(c))


def words_of(text: str) -> list[str]:
    """Return the words of `text` in lower case, without elided articles; the end of very long ones
    is left out, since what is done with a word takes longer than its length.
    """
    text = _JOINED.sub(r"\1\2", text)  # "log in" is one word, and not about logs
    found = (match.group().casefold().replace("’", "'") for match in _WORD.finditer(text))
    bare = (_ELISION.sub("", word)[:LONGEST_WORD] for word in found)
    return [word for word in bare if len(word) > 1 or not word.isalpha() or word in "aày"]


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """Return a function from a word to its stem without accents; each word is stemmed once."""
    stem = snowballstemmer.stemmer(_STEMMERS[language]).stemWord

    @lru_cache(KEPT_STEMS)
    def stemmed(word: str) -> str:
        return fold(stem(word))

    return stemmed


def stems_of(text: str, language: str) -> list[str]:
    """Return the stems of the words that carry meaning."""
    stop, stem = listed(language, "stop"), stemmer(language)
    return [stem(word) for word in words_of(text) if fold(word) not in stop]


def is_all(text: str, name: str) -> str | None:
    """Return the language in which every word of `text` is of the list `name`; None: in none."""
    if len(text) > LONGEST_SAYING:
        return None
    said = [fold(word) for word in words_of(text)]
    if not said:
        return None
    for language in LANGUAGES:
        if all(word in listed(language, name) for word in said):
            return language
    return None
