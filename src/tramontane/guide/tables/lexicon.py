"""The words that questions to tables are made of, one file per language, and nouns that mean the
same in all five. It does not know any table.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from tramontane.text.stems import folded, stemmer
from tramontane.text.stopwords import STOP_WORDS

SHORTEST_PART = 4
LANGUAGES = ("en", "fr", "de", "es", "it")


class Lexicon(NamedTuple):
    """What one language says. `small` are articles and the like, which no title is known by;
    `filler` may stand in a question without meaning anything here.
    """

    language: str
    small: frozenset[str]
    filler: frozenset[str]
    concepts: tuple[tuple[str, re.Pattern[str]], ...]
    numbers: Mapping[str, int]
    nouns: frozenset[str]
    ordinals: tuple[frozenset[str], ...]
    prepositions: frozenset[str]
    altering: frozenset[str]
    say: Mapping[str, str]


@cache
def lexicon(language: str) -> Lexicon:
    """Return the words of `language`."""
    read = tomllib.loads(_file(f"{language}.toml"))
    small = frozenset(read["small"].split())
    return Lexicon(
        language,
        small,
        frozenset(read["filler"].split()) | small | STOP_WORDS[language],
        tuple(
            (concept, re.compile(rf"(?<!\S)(?:{'|'.join(patterns)})(?!\S)"))
            for concept, patterns in read["concepts"].items()
        ),
        read["numbers"],
        frozenset(read["nouns"].split()),
        tuple(frozenset(listed.split()) for listed in read["ordinals"]),
        frozenset(read["prepositions"].split()),
        frozenset(read["altering"].split()),
        read["say"],
    )


class Meanings(NamedTuple):
    """What nouns mean: by stem, the meanings; `measured` are those that are not added up."""

    of: Mapping[str, frozenset[str]]
    measured: frozenset[str]


@cache
def meanings() -> Meanings:
    """Return what the nouns of all languages mean."""
    read = tomllib.loads(_file("concepts.toml"))
    of: dict[str, set[str]] = {}
    for group in read.values():
        for meaning, listed in group.items():
            for word in listed.split():
                for language in LANGUAGES:
                    of.setdefault(stemmer(language)(word), set()).add(meaning)
                of.setdefault(folded(word), set()).add(meaning)
    return Meanings({s: frozenset(m) for s, m in of.items()}, frozenset(read["measured"]))


def meaning(word: str, language: str) -> frozenset[str]:
    """Return what a folded word may mean; nothing where it is not known."""
    of = meanings().of
    return of.get(word) or of.get(stemmer(language)(word)) or frozenset()


@cache
def part_meanings(word: str) -> frozenset[str]:
    """Return what the parts of a German compound mean: Eintrittsdatum is about "eintritt"."""
    found: frozenset[str] = frozenset()
    for cut in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1):
        for part in (word[:cut], word[:cut].removesuffix("s"), word[cut:]):
            found |= meanings().of.get(part, frozenset())
    return found


def _file(name: str) -> str:
    return (files("tramontane.guide.tables") / "words" / name).read_text(encoding="utf-8")
