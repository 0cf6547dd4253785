"""How well passages fit a question: BM25 over stems, and where in a passage they stand.

BM25 (Robertson and Zaragoza, 2009) with the counts of what is searched and nothing else. A word of
the question may stand as any of several stems, one per language; the best counts. It does not know
where passages come from.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

HEADING_ENDS = "|"
"""Stands between the stems of a passage's heading and those of its text; no index holds it."""
K1 = 1.2
B = 0.5
HEADING = 0.5
WINDOW = 15
IN_WINDOW = 1.0
PAIR = 2
SIDE_BY_SIDE = 0.3


class _Stemmed(Protocol):
    @property
    def stems(self) -> str: ...


_Any = TypeVar("_Any", bound=_Stemmed)


def ranked(
    asked: Sequence[Sequence[str]],
    candidates: Sequence[_Any],
    counts: Mapping[str, int],
    total: int,
) -> list[tuple[_Any, float]]:
    """Return the candidates with their scores, the best first.

    `asked` has the stems that each word of the question may stand as; `counts` in how many of the
    `total` passages each is.
    """
    if not candidates:
        return []
    split = [parts(candidate.stems) for candidate in candidates]
    mean = sum(len(body) for _, body in split) / len(split) or 1.0
    rarities = {stem: rarity(counts.get(stem, 0), total) for group in asked for stem in group}
    scored = [
        (candidate, _score(asked, heading, body, rarities, mean))
        for candidate, (heading, body) in zip(candidates, split, strict=True)
    ]
    return sorted(scored, key=lambda pair: -pair[1])


def parts(stems: str) -> tuple[list[str], list[str]]:
    """Return the stems of a passage's heading and those of its text."""
    heading, mark, body = f" {stems} ".partition(f" {HEADING_ENDS} ")
    return (heading.split(), body.split()) if mark else ([], stems.split())


def rarity(count: int, total: int) -> float:
    """Return how much a stem tells that `count` of `total` passages hold."""
    return math.log(1 + (max(total, count) - count + 0.5) / (count + 0.5))


def _score(
    asked: Sequence[Sequence[str]],
    heading: Sequence[str],
    body: Sequence[str],
    rarities: Mapping[str, float],
    mean: float,
) -> float:
    frequency = Counter(body)
    headed = frozenset(heading)
    norm = K1 * (1 - B + B * len(body) / mean)
    score = 0.0
    for group in asked:
        best = 0.0
        for stem in group:
            count = frequency[stem] + (HEADING if stem in headed else 0.0)
            if count:
                best = max(best, rarities[stem] * count * (K1 + 1) / (count + norm))
        score += best
    return score + _together(asked, body, rarities)


def _together(
    asked: Sequence[Sequence[str]], body: Sequence[str], rarities: Mapping[str, float]
) -> float:
    """Return what of the question stands within one window, and side by side as in the question."""
    of = {stem: index for index, group in enumerate(asked) for stem in group}
    found = [(at, of[stem], rarities[stem]) for at, stem in enumerate(body) if stem in of]
    window, pairs = 0.0, {}
    for index, (at, group, weight) in enumerate(found):
        inside = {group: weight}
        for there, other, its in found[index + 1 :]:
            if there - at > WINDOW:
                break
            inside[other] = max(its, inside.get(other, 0.0))
            if there - at <= PAIR and abs(other - group) == 1:
                pairs[min(group, other)] = min(weight, its)
        window = max(window, sum(inside.values()))
    return IN_WINDOW * window + SIDE_BY_SIDE * sum(pairs.values())
