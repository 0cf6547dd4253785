"""Finds the section of the handbook that answers a question, and says how sure that is.

BM25 (Robertson and Zaragoza, 2009) over stemmed words: a section's heading and text, and beside
them its page's title and list of words, which bring whatever section of the page fits best. Words
of the question that no page has lower the confidence. It does not know what is then said.
"""

import difflib
import math
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

from tramontane.guide.vocabulary import fold, listed, stemmer, stems_of, words_of
from tramontane.handbook import Page, Section, pages

K1 = 1.2
B = 0.5
HEADING = 3.0
TITLE = 2.5
PAGE_SHARE = 1.0
ELSEWHERE_SHARE = 0.5
IN_PASSING = 0.4
SCORE_SCALE = 3.0
CLOSE = 0.84
SHORTEST_PART = 4
MOST_TERMS = 40
PARTICLES = frozenset(
    [
        "ab",
        "an",
        "auf",
        "aus",
        "ein",
        "fort",
        "her",
        "hin",
        "hinzu",
        "los",
        "um",
        "weg",
        "weiter",
        "zu",
        "zurück",
    ]
)
"""What stands apart from its verb in German."""


class Hit(msgspec.Struct, frozen=True):
    """A section with how well it fits; `confidence` is from 0 to 1."""

    page: Page
    section: Section
    score: float
    confidence: float


class _Entry(msgspec.Struct, frozen=True):
    """A section with how often each stem stands in it, and in its page's title and words.

    `named` are the stems of its heading, and of its page's title and words.
    """

    page: Page
    section: Section
    own: dict[str, float]
    shared: dict[str, float]
    named: frozenset[str]
    length: float


class Index:
    """The sections of one language's handbook."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._entries = [entry for page in pages(language) for entry in _entries(page, language)]
        total = len(self._entries)
        self._mean = sum(entry.length for entry in self._entries) / total
        counts = Counter(term for entry in self._entries for term in entry.own)
        by_page = {entry.page.slug: entry.shared for entry in self._entries}
        counts.update(term for shared in by_page.values() for term in shared)
        self._rarity = {t: math.log(1 + (total - n + 0.5) / (n + 0.5)) for t, n in counts.items()}
        self._unknown = math.log(1 + (total + 0.5) / 0.5)

    def rarity(self, term: str) -> float:
        """Return how much a stem tells: more where few sections have it."""
        return self._rarity.get(term, self._unknown)

    def terms(self, question: str) -> list[tuple[str, ...]]:
        """Return the stems of a question; one that no page has becomes what it may stand for."""
        stop, stem = listed(self._language, "stop"), stemmer(self._language)
        said = list(dict.fromkeys(words_of(question)))[: 2 * MOST_TERMS]
        apart = [word for word in said if word in PARTICLES] if self._language == "de" else []
        found: dict[tuple[str, ...], None] = {}
        for word in said:
            if fold(word) not in stop and len(found) < MOST_TERMS:
                whole = [stem(particle + word) for particle in apart]  # füge … hinzu: hinzufügen
                known = tuple(term for term in whole if term in self._rarity)
                found[known or self._known(word, stem)] = None
        return list(found)

    def search(self, question: str, most: int = 3) -> list[Hit]:
        """Return the best sections, the best first; one per page."""
        terms = self.terms(question)
        best: dict[str, Hit] = {}
        for entry in self._entries:
            score, covered, missed = self._score(entry, terms)
            if score > 0:
                share = covered / (covered + missed)
                named = self._named(entry, terms) / covered
                confidence = share * (1 - math.exp(-score / SCORE_SCALE))
                confidence *= 1 - IN_PASSING * (1 - named)
                known = best.get(entry.page.slug)
                if known is None or score > known.score:
                    section = self._section(entry.page, terms)
                    best[entry.page.slug] = Hit(entry.page, section, score, confidence)
        return sorted(best.values(), key=lambda hit: -hit.score * hit.confidence)[:most]

    def _named(self, entry: _Entry, terms: list[tuple[str, ...]]) -> float:
        """Return how much of the question is named by the page or a heading, not in passing."""
        return sum(
            max(self.rarity(term) for term in group)
            for group in terms
            if not entry.named.isdisjoint(group)
        )

    def _section(self, page: Page, terms: list[tuple[str, ...]]) -> Section:
        """Return the section that says most of what the page's title does not; else the first."""
        title = set(stems_of(page.title, self._language))
        asked = [group for group in terms if not title.intersection(group)]
        entries = [entry for entry in self._entries if entry.page is page]
        return max(entries, key=lambda entry: self._score(entry, asked, b=0.0)[0]).section

    def _score(
        self, entry: _Entry, terms: Iterable[tuple[str, ...]], b: float = B
    ) -> tuple[float, float, float]:
        """Return the section's score, and how much of the question it has and has not."""
        norm = K1 * (1 - b + b * entry.length / self._mean)
        score = covered = missed = 0.0
        for group in terms:
            best = 0.0
            for term in group:
                own, shared = entry.own.get(term, 0.0), entry.shared.get(term, 0.0)
                weight = own * (K1 + 1) / (own + norm)
                weight += PAGE_SHARE * shared * (K1 + 1) / (shared + K1)
                best = max(best, self.rarity(term) * weight)
            asked = max(self.rarity(term) for term in group)
            if best:
                score += best
                covered += asked
            elif any(term in self._rarity for term in group):
                missed += ELSEWHERE_SHARE * asked
            else:
                missed += asked
        return score, covered, missed

    def _known(self, word: str, stem: Callable[[str], str]) -> tuple[str, ...]:
        """Return the stem of `word`, or where no page has it: its parts, or what looks like it."""
        term = stem(word)
        if term in self._rarity or len(term) <= SHORTEST_PART or not term.isalpha():
            return (term,)
        if self._language == "de" and (parts := self._parts(word, stem)):
            return parts
        near = difflib.get_close_matches(term, self._rarity, n=2, cutoff=CLOSE)
        return tuple(near) or (term,)

    def _parts(self, word: str, stem: Callable[[str], str]) -> tuple[str, ...]:
        """Return the two known stems that a compound such as Modelldatei is made of."""
        for cut in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1):
            last = stem(word[cut:])
            if last not in self._rarity:
                continue
            for joint in ("", "s", "n", "en"):
                first = word[:cut].removesuffix(joint) if word[:cut].endswith(joint) else ""
                if first and stem(first) in self._rarity:
                    return (stem(first), last)
        return ()


def _entries(page: Page, language: str) -> Iterable[_Entry]:
    shared: dict[str, float] = {}
    for weight, text in ((TITLE, page.title), (1.0, page.summary), (1.0, page.words)):
        for stem in stems_of(text, language):
            shared[stem] = max(shared.get(stem, 0.0), weight)
    named = frozenset(stems_of(f"{page.title} {page.words}", language))
    for section in page.sections:
        heading, told = stems_of(section.title, language), stems_of(section.text, language)
        own = {stem: float(count) for stem, count in Counter(told).items()}
        for stem in heading:
            own[stem] = own.get(stem, 0.0) + HEADING
        length = float(len(told) + len(heading))
        yield _Entry(page, section, own, shared, named.union(heading), length)


@cache
def index(language: str) -> Index:
    """Return the index of `language`, made when it is first asked for."""
    return Index(language)
