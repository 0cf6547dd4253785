"""Finds the section of the handbook that answers a question, and says how sure that is.

BM25 (Robertson and Zaragoza, 2009) over stemmed words, headings and a page's own list of words
counting more than text. Words of the question that no page has lower the confidence. It does not
know what is then said.
"""

import difflib
import math
from collections import Counter
from functools import cache

import msgspec

from tramontane.guide.vocabulary import stems_of
from tramontane.handbook import Page, Section, pages

K1 = 1.2
B = 0.6
HEADING, TITLE, WORDS, TEXT = 3.0, 2.0, 1.5, 1.0
SCORE_SCALE = 3.0
CLOSE = 0.84
SHORTEST_PART = 4
MOST_TERMS = 40


class Hit(msgspec.Struct, frozen=True):
    """A section with how well it fits; `confidence` is from 0 to 1."""

    page: Page
    section: Section
    score: float
    confidence: float


class _Entry(msgspec.Struct, frozen=True):
    page: Page
    section: Section
    weights: dict[str, float]
    length: float


class Index:
    """The sections of one language's handbook."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._entries = [
            _entry(page, section, language) for page in pages(language) for section in page.sections
        ]
        self._mean = sum(entry.length for entry in self._entries) / max(1, len(self._entries))
        counts = Counter(term for entry in self._entries for term in entry.weights)
        total = len(self._entries)
        self._rarity = {t: math.log(1 + (total - n + 0.5) / (n + 0.5)) for t, n in counts.items()}
        self._unknown = math.log(1 + (total + 0.5) / 0.5)

    def rarity(self, term: str) -> float:
        """Return how much a stem tells: more where few sections have it."""
        return self._rarity.get(term, self._unknown)

    def terms(self, question: str) -> list[tuple[str, ...]]:
        """Return the stems of a question; one that no page has becomes what it may stand for."""
        found = dict.fromkeys(stems_of(question, self._language))
        return [self._known(term) for term in list(found)[:MOST_TERMS]]

    def search(self, question: str, most: int = 3) -> list[Hit]:
        """Return the best sections, the best first; one per page."""
        terms = self.terms(question)
        if not terms:
            return []
        asked = sum(self._weight(group) for group in terms)
        hits: dict[str, Hit] = {}
        for entry in self._entries:
            score, covered = self._score(entry, terms)
            if score <= 0:
                continue
            confidence = covered / asked * (1 - math.exp(-score / SCORE_SCALE))
            known = hits.get(entry.page.slug)
            if known is None or known.score < score:
                hits[entry.page.slug] = Hit(entry.page, entry.section, score, confidence)
        return sorted(hits.values(), key=lambda hit: -hit.score)[:most]

    def _score(self, entry: _Entry, terms: list[tuple[str, ...]]) -> tuple[float, float]:
        norm = K1 * (1 - B + B * entry.length / self._mean)
        score = covered = 0.0
        for group in terms:
            best = 0.0
            for term in group:
                weight = entry.weights.get(term, 0.0)
                best = max(best, self.rarity(term) * weight * (K1 + 1) / (weight + norm))
            if best:
                score += best
                covered += self._weight(group)
        return score, covered

    def _weight(self, group: tuple[str, ...]) -> float:
        return max(self.rarity(term) for term in group)

    def _known(self, term: str) -> tuple[str, ...]:
        """Return `term`, or where no page has it: its parts, or the stems that look like it."""
        if term in self._rarity or len(term) <= SHORTEST_PART or not term.isalpha():
            return (term,)
        parts = self._parts(term)
        if parts:
            return parts
        near = difflib.get_close_matches(term, self._rarity, n=2, cutoff=CLOSE)
        return tuple(near) or (term,)

    def _parts(self, term: str) -> tuple[str, ...]:
        """Return the two known stems that a compound such as Modelldatei is made of."""
        if self._language != "de":
            return ()
        for cut in range(SHORTEST_PART, len(term) - SHORTEST_PART + 1):
            first, last = term[:cut], term[cut:]
            for joint in ("", "s", "n", "en"):
                bare = first.removesuffix(joint) if first.endswith(joint) else ""
                if bare in self._rarity and last in self._rarity:
                    return (bare, last)
        return ()


def _entry(page: Page, section: Section, language: str) -> _Entry:
    weights: Counter[str] = Counter()
    parts = (
        (HEADING, section.title),
        (TITLE, f"{page.title} {page.summary}"),
        (WORDS, page.words),
        (TEXT, section.text),
    )
    length = 0
    for weight, text in parts:
        stems = stems_of(text, language)
        for stem in stems:
            weights[stem] += weight  # type: ignore[assignment]
        if text is section.text or text is section.title:
            length += len(stems)
    return _Entry(page, section, dict(weights), float(length))


@cache
def index(language: str) -> Index:
    """Return the index of `language`, made when it is first asked for."""
    return Index(language)
