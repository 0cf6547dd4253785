"""Which sentence of some passages answers a question, and whether any does.

Every sentence is described by a few numbers (`FEATURES`): how much of the question it says, where
words count that are rare among these passages, how close together, what its neighbours and heading
say, and whether something of the kind that is asked for stands near. They are weighted as
`evidence.json` has it (`runs/evidence.py` fits it) and the best sum is taken. It does not
understand a sentence, and knows no more than the passages.
"""

import math
from collections.abc import Sequence, Set
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Protocol

import msgspec

from tramontane.guide.asking import Kind, asked_for, bare, evidence
from tramontane.text.sentences import sentences
from tramontane.text.stems import Word, cuts, folded, stems, variants, words

FEATURES = (
    "share", "alike", "before", "after", "heading", "names", "pairs", "passage", "rank", "best",
    "short", "length", "first", "novel", "question", "near", "has_person", "has_time", "has_place",
    "has_number", "has_reason", "open",
)  # fmt: skip
CERTAINTIES = ("share", "alike", "passage", "names", "pairs", "near", "has", "asked", "best")
COMPOUNDS = 12  # words of a question that are looked at as such
_ALIKE = 5
_NEAR = 4.0
_PAIR = 3
_SHORT = 4
_TRIED = 40
_CELLS = " | "
_CLOSING = "\"'”’“»›«)]*_ \xa0\u202f"
_ENDS = frozenset(".!?…:;")
_VALID = frozenset(stem for word in ("gilt", "gelten") for stem in stems(word, "de"))
"""What "Welche Frist gilt?" has beside what it asks about."""
_MEASURES = frozenset(
    stem
    for language, said in {
        "de": "hoch Höhe Betrag Summe beträgt betragen",
        "en": "amount sum high",
        "es": "importe monto cantidad suma",
        "fr": "montant somme élevé",
        "it": "importo ammontare somma ammonta",
    }.items()
    for stem in stems(said, language)
)
"""Words that ask for a number; the answer has the number in their place."""


class Passage(Protocol):
    """What is quoted from."""

    @property
    def text(self) -> str: ...
    @property
    def heading(self) -> str: ...
    @property
    def language(self) -> str | None: ...


class Sentence(msgspec.Struct, frozen=True):
    """Characters `start` to `end` of passage `passage` (from 0), with what tells of them.

    `certainty` is how likely it is that the sentence answers, from 0 to 1.
    """

    passage: int
    start: int
    end: int
    features: tuple[float, ...]
    score: float = 0.0
    certainty: float = 0.0


class Weights(msgspec.Struct, frozen=True):
    """What `runs/evidence.py` has found: of each of FEATURES, then of each of CERTAINTIES."""

    score: dict[str, float]
    certainty: dict[str, float]
    bias: float
    threshold: float


@cache
def fitted() -> Weights:
    """Return the weights that ship."""
    return msgspec.json.decode(
        files("tramontane.guide").joinpath("evidence.json").read_bytes(), type=Weights
    )


def best(
    question: str, passages: Sequence[Passage], language: str | None, weights: Weights | None = None
) -> list[Sentence]:
    """Return every sentence, the best first. `passages` are in the order that a search gave."""
    weights = weights or fitted()
    by = [weights.score.get(name, 0.0) for name in FEATURES]
    found = []
    for sentence in described(question, passages, language):
        score = sum(w * f for w, f in zip(by, sentence.features, strict=True))
        doubt = sum(
            weights.certainty.get(name, 0.0) * value for name, value in certain(sentence).items()
        )
        certainty = 1 / (1 + math.exp(-max(-30.0, min(30.0, doubt + weights.bias))))
        found.append(msgspec.structs.replace(sentence, score=score, certainty=certainty))
    return sorted(found, key=lambda sentence: -sentence.score)


def certain(sentence: Sentence) -> dict[str, float]:
    """Return what the certainty of a sentence is made of."""
    value = dict(zip(FEATURES, sentence.features, strict=True))
    kinds = [value[name] for name in FEATURES if name.startswith("has_")]
    return {
        **{name: value[name] for name in CERTAINTIES if name in value},
        "has": sum(kinds),
        "asked": float(any(kinds)),
    }


class _Asked(msgspec.Struct, frozen=True):
    """A question: the stems that each of its words may stand as, and which of these are names."""

    groups: list[tuple[str, ...]]
    is_name: list[bool]
    kind: Kind
    said: frozenset[str]


class _Piece(msgspec.Struct, frozen=True):
    """A sentence with its words, and which groups of the question they are (None: of none)."""

    passage: int
    start: int
    end: int
    words: list[Word]
    groups: list[int | None]

    @property
    def held(self) -> frozenset[int]:
        return frozenset(group for group in self.groups if group is not None)


def described(question: str, passages: Sequence[Passage], language: str | None) -> list[Sentence]:
    """Return every sentence with its features, in the order of the passages."""
    asked = _asked(question, language, [passage.language for passage in passages])
    if not asked.groups:
        return []
    found_words = [words(passage.text, passage.language) for passage in passages]
    is_german = language in ("de", None) and any(each.language == "de" for each in passages)
    asked = _sharpened(asked, {word.stem for own in found_words for word in own}, is_german)
    of = {stem: index for index, group in enumerate(asked.groups) for stem in group}
    split = [
        _pieces(index, passage, own, of)
        for index, (passage, own) in enumerate(zip(passages, found_words, strict=True))
    ]
    every = [piece for pieces in split for piece in pieces]
    weights = _rarities(asked, every)
    found = []
    for index, pieces in enumerate(split):
        heading = _held(passages[index].heading, passages[index].language, of)
        whole = heading.union(*(piece.held for piece in pieces))
        for at, piece in enumerate(pieces):
            before = pieces[at - 1].held if at else frozenset()
            after = pieces[at + 1].held if at + 1 < len(pieces) else frozenset()
            around = (before, after, heading, whole)
            features = _features(asked, weights, passages[index], piece, around, at)
            found.append(Sentence(piece.passage, piece.start, piece.end, features))
    return _relative(found)


def _asked(question: str, language: str | None, others: Sequence[str | None]) -> _Asked:
    kind, question = asked_for(question, language), bare(question)
    groups = variants(question, language, dict.fromkeys(others))
    names = {
        word.stem
        for word in words(question, language)
        if (spelt := question[word.start : word.end])[0].isdigit()
        or (spelt[0].isupper() and word.start > 0 and language != "de")
        or (len(spelt) > 1 and spelt.isupper())
    }
    return _Asked(
        groups,
        [not names.isdisjoint(group) for group in groups],
        kind,
        frozenset(folded(question[word.start : word.end]) for word in words(question, language)),
    )


def _sharpened(asked: _Asked, held: Set[str], is_german: bool) -> _Asked:
    """Return the question without words that tell nothing, and with compounds that the passages
    (whose stems are `held`) do not have as the two words that they do.
    """
    groups: list[tuple[str, ...]] = []
    names: list[bool] = []
    left = COMPOUNDS if is_german else 0
    for group, is_name in zip(asked.groups, asked.is_name, strict=True):
        is_measure = asked.kind == "number" and not _MEASURES.isdisjoint(group)
        is_there = not held.isdisjoint(group)
        if group[0] in _VALID or (is_measure and not is_there):
            continue
        parts = () if is_there or not left else _parts(group[0], held)
        left -= bool(left) and not is_there
        groups += [(part,) for part in parts] or [group]
        names += [is_name] * (len(parts) or 1)
    return msgspec.structs.replace(asked, groups=groups, is_name=names) if groups else asked


def _parts(stem: str, held: Set[str]) -> tuple[str, ...]:
    """Return the two stems of `held` that a compound is made of; none where it is of no two."""
    return next((pair for pair in cuts(stem) if all(part in held for part in pair)), ())


def _pieces(
    index: int, passage: Passage, found: Sequence[Word], of: dict[str, int]
) -> list[_Piece]:
    pieces = []
    at = 0
    for start, end in sentences(passage.text, passage.language):
        begin = at
        while at < len(found) and found[at].start < end:
            at += 1
        own = list(found[begin:at])
        pieces.append(_Piece(index, start, end, own, [of.get(word.stem) for word in own]))
    return pieces


def _held(text: str, language: str | None, of: dict[str, int]) -> frozenset[int]:
    return frozenset(of[word.stem] for word in words(text, language) if word.stem in of)


def _rarities(asked: _Asked, every: Sequence[_Piece]) -> list[float]:
    """Return how much each word of the question tells, as shares of all."""
    counts = [0] * len(asked.groups)
    for piece in every:
        for group in piece.held:
            counts[group] += 1
    total = max(len(every), 1)
    weights = [math.log(1 + (total - n + 0.5) / (n + 0.5)) for n in counts]
    whole = sum(weights) or 1.0
    return [weight / whole for weight in weights]


_Around = tuple[frozenset[int], frozenset[int], frozenset[int], frozenset[int]]


def _features(
    asked: _Asked, weights: Sequence[float], passage: Passage, piece: _Piece, around: _Around,
    at: int,
) -> tuple[float, ...]:  # fmt: skip
    before, after, heading, whole = around
    held = piece.held

    def told(groups: frozenset[int]) -> float:
        return sum(weights[group] for group in groups)

    names = sum(w for w, is_name in zip(weights, asked.is_name, strict=True) if is_name)
    named = frozenset(group for group in held if asked.is_name[group])
    length = len(piece.words)
    near, kinds = _answers(asked, weights, passage, piece)
    return (
        told(held),
        _alike(asked, weights, piece, held),
        told(before - held),
        told(after - held - before),
        told(heading - held - before),
        told(named) / names if names else 0.0,
        _pairs(weights, piece),
        told(whole),
        math.log2(1 + piece.passage),
        0.0,
        float(length < _SHORT),
        math.log(1 + length) / 3,
        float(at == 0),
        min(1.0, sum(group is None for group in piece.groups) / 10),
        float(passage.text[piece.end - 1] == "?"),
        near,
        *kinds,
        float(is_open(passage.text[piece.start : piece.end])),
    )


def is_open(sentence: str) -> bool:
    """Whether it ends without a mark, as headings, captions and tables of contents do."""
    return _CELLS not in sentence and sentence.rstrip(_CLOSING)[-1:] not in _ENDS


def _alike(asked: _Asked, weights: Sequence[float], piece: _Piece, held: frozenset[int]) -> float:
    """Return how much of what the sentence does not say it says in words that share a piece.

    So are found the parts of compounds, other forms, and words that two languages have in common.
    """
    said = " ".join(word.stem for word in piece.words)
    return sum(
        weights[group]
        for group in range(len(weights))
        if group not in held
        and any(
            stem[at : at + _ALIKE] in said
            for stem in asked.groups[group]
            for at in range(len(stem) - _ALIKE + 1)
        )
    )


def _pairs(weights: Sequence[float], piece: _Piece) -> float:
    """Return how much stands side by side as it does in the question."""
    found = [(at, group) for at, group in enumerate(piece.groups) if group is not None]
    pairs = {
        (min(one, other), max(one, other))
        for (here, one), (there, other) in pairwise(found)
        if there - here <= _PAIR and abs(one - other) == 1
    }
    return sum(min(weights[one], weights[other]) for one, other in pairs)


def _answers(
    asked: _Asked, weights: Sequence[float], passage: Passage, piece: _Piece
) -> tuple[float, tuple[float, ...]]:
    """Return how near to the question's words an answer of the kind stands, and whether one does.

    The second has a number for each kind but "other": 0 for those that are not asked for, else 1
    with an answer and -1 without.
    """
    kinds = ("person", "time", "place", "number", "reason")
    if asked.kind == "other":
        return 0.0, (0.0,) * len(kinds)
    sentence = passage.text[piece.start : piece.end]
    found = evidence(asked.kind, sentence, asked.said, is_german=passage.language == "de")
    surest = max((weight for _, weight in found), default=0.0)
    near = 0.0
    for place, weight in found[:_TRIED]:
        at = sum(word.start < piece.start + place for word in piece.words)
        close = sum(
            weights[group] / (1 + abs(index - at) / _NEAR)
            for index, group in enumerate(piece.groups)
            if group is not None
        )
        near = max(near, weight * close)
    has = surest if surest else -1.0
    return near, tuple(has if kind == asked.kind else 0.0 for kind in kinds)


def _relative(found: list[Sentence]) -> list[Sentence]:
    """Fill in how far each sentence stays behind the one that says most of the question."""
    place, share = FEATURES.index("best"), FEATURES.index("share")
    most = max((sentence.features[share] for sentence in found), default=0.0)
    return [
        msgspec.structs.replace(
            sentence,
            features=(
                *sentence.features[:place],
                most - sentence.features[share],
                *sentence.features[place + 1 :],
            ),
        )
        for sentence in found
    ]
