"""Finds the passages of libraries that answer a question.

Two steps: the store's index of stems gives candidates (`documents/wordindex.py`), which are then
ranked here by what they and their library hold (`text/ranking.py`), so that no result depends
on what is in anybody else's library. Only documents that are ready and not superseded are found. It
does not know who may search, nor what is then said.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from tramontane.documents import vectors, wordindex
from tramontane.documents.vectors import Vector
from tramontane.documents.wordindex import Candidate, Scope
from tramontane.store import passages
from tramontane.text import ranking, stems, stopwords

LIMIT = 8
CANDIDATES = 60
WORDS = 40
COMPOUND_STEMS = 200  # looked up for one question, at most about
HEADING_ALONE = 0.5
NEAREST = 60
# Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009), leaning on the words: with
# their 60 and equal weights a poor model for embeddings cost 13 of 100 passages
# (benchmarks/fusion.py).
RANKS_BEFORE = 5
WEIGHT_OF_NEAR = 0.5
EVERYWHERE = 0.05
EVERYWHERE_LEAST = 1_000
TELLING_LEAST = 2
_OTHERS = (*stopwords.STOP_WORDS, None)


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A passage with how well it fits: `score` compares the hits of one search, no more.

    `document` is the document's name, `document_kind` what it is ("pdf"), `kind` the passage's.
    """

    document_id: str
    document: str
    document_kind: str | None
    passage_number: int
    page: int
    kind: str
    heading: str
    text: str
    language: str | None
    score: float


class Found(msgspec.Struct, frozen=True):
    """The best hits first; `searched` is how many passages were looked through."""

    hits: list[Hit]
    searched: int


def indexed(heading: str, text: str, language: str | None) -> list[str]:
    """Return what the index is given of a passage: the stems of its heading, then of its text.

    >>> indexed("Costs › 2024", "Rents rose by 3.5%.", "en")
    ['cost', '2024', '|', 'rent', 'rose', '3x5']
    """
    return [*stems.stems(heading, language), ranking.HEADING_ENDS, *stems.stems(text, language)]


def find(
    c: Connection,
    library_ids: Collection[str],
    question: str,
    language: str | None = None,
    limit: int = LIMIT,
    document_ids: Collection[str] | None = None,
    translations: Mapping[str, str] | None = None,
    vector: Vector | None = None,
) -> Found:
    """Return the passages of these libraries (and documents, where given) that fit `question`.

    `language` is the question's; None: unknown. Its words are also looked for as the other
    languages would stem them, so that names and numbers are found across languages.
    `translations` are the question in other languages (`documents.translation`), `vector` is it
    as a deployment for embeddings sees it: what is near joins what has the words.
    """
    scope = wordindex.scope(library_ids, document_ids)
    if scope is None:
        return Found([], 0)
    searched = passages.count(c, scope.library_ids)
    if not searched:
        return Found([], 0)
    asked = _asked(question, language, translations or {})
    scored = _worded(c, scope, asked, searched, limit, is_german=language in ("de", None))
    if vector is not None:
        scored = _fused(c, scope, scored, vectors.nearest(c, scope, vector, NEAREST))
    return Found(
        [_hit(candidate, score) for candidate, score in _distinct(scored)[:limit]], searched
    )


def _worded(
    c: Connection,
    scope: Scope,
    asked: list[tuple[str, ...]],
    searched: int,
    limit: int,
    *,
    is_german: bool,
) -> list[tuple[Candidate, float]]:
    """Return the passages that hold words of the question, the best first."""
    if not asked:
        return []
    counts = wordindex.counts(c, scope, {stem for group in asked for stem in group})
    if is_german:
        asked, more = _compounds(c, scope, asked, counts)
        counts |= more
    telling = _telling(asked, counts, searched)
    candidates = wordindex.candidates(c, scope, telling, max(CANDIDATES, 2 * limit))
    return _weighed(ranking.ranked(asked, candidates, counts, searched))


def _compounds(
    c: Connection, scope: Scope, asked: list[tuple[str, ...]], counts: Mapping[str, int]
) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """Return the words to look for with those that no passage has as two that are there, as German
    puts words together; and how many passages have these.
    """
    found: list[tuple[str, ...]] = []
    known: dict[str, int] = {}
    for group in asked:
        cuts = [] if any(counts.get(stem) for stem in group) else stems.cuts(group[0])
        if cuts and len(known) < COMPOUND_STEMS:
            known |= wordindex.counts(c, scope, {stem for pair in cuts for stem in pair})
            pair = next((pair for pair in cuts if all(known.get(stem) for stem in pair)), None)
            found += [group] if pair is None else [(stem,) for stem in pair]
        else:
            found.append(group)
    return found, known


def _fused(
    c: Connection,
    scope: Scope,
    worded: Sequence[tuple[Candidate, float]],
    near: Sequence[tuple[str, int]],
) -> list[tuple[Candidate, float]]:
    """Return both rankings as one: each passage counts by its places in the two."""
    known = {(each.document_id, each.number): each for each, _ in worded}
    scores = {key: 1 / (RANKS_BEFORE + at) for at, key in enumerate(known, 1)}
    for at, key in enumerate(near, 1):
        scores[key] = scores.get(key, 0.0) + WEIGHT_OF_NEAR / (RANKS_BEFORE + at)
    known |= wordindex.named(c, scope, [key for key in near if key not in known])
    ordered = sorted(scores, key=lambda key: -scores[key])
    return [(known[key], scores[key]) for key in ordered if key in known]


def _asked(
    question: str, language: str | None, translations: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Return the stems to look for, each word's together, those of the question itself first."""
    asked = dict.fromkeys(stems.variants(question, language, _OTHERS))
    known = {stem for group in asked for stem in group}
    for other, said in translations.items():
        for group in stems.variants(said, other):
            if known.isdisjoint(group):
                asked[group] = None
    return list(asked)[:WORDS]


def _telling(
    asked: list[tuple[str, ...]], counts: Mapping[str, int], searched: int
) -> list[tuple[str, ...]]:
    """Return the words to find candidates by: in a large library not those that are everywhere.

    They still count in the ranking. Where hardly any other is left, all are looked for.
    """
    most = max(EVERYWHERE * searched, EVERYWHERE_LEAST)
    rare = [group for group in asked if sum(counts.get(stem, 0) for stem in group) <= most]
    found = sum(any(counts.get(stem) for stem in group) for group in rare)
    return rare if found >= TELLING_LEAST else asked


def _weighed(scored: Sequence[tuple[Candidate, float]]) -> list[tuple[Candidate, float]]:
    """Return the same with headings below what stands under them and has their words too."""
    weighed = [
        (candidate, score * HEADING_ALONE if candidate.kind == "heading" else score)
        for candidate, score in scored
    ]
    return sorted(weighed, key=lambda pair: -pair[1])


def _distinct(scored: Sequence[tuple[Candidate, float]]) -> list[tuple[Candidate, float]]:
    """Return each text once: the same file may be in two libraries."""
    seen: set[str] = set()
    found = []
    for candidate, score in scored:
        if candidate.text not in seen:
            seen.add(candidate.text)
            found.append((candidate, score))
    return found


def _hit(candidate: Candidate, score: float) -> Hit:
    return Hit(
        document_id=candidate.document_id,
        document=candidate.document,
        document_kind=candidate.document_kind,
        passage_number=candidate.number,
        page=candidate.page,
        kind=candidate.kind,
        heading=candidate.heading,
        text=candidate.text,
        language=candidate.language,
        score=round(score, 4),
    )
