"""Which columns, values and tables the words of a question name: exactly, by stem, by meaning, as a
part of a compound, or nearly so. It does not know what is asked of them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Literal

import msgspec

from tramontane.guide.conversation import ColumnFacts, TableFacts
from tramontane.guide.tables.lexicon import (
    LANGUAGES,
    SHORTEST_PART,
    Lexicon,
    lexicon,
    meaning,
    part_meanings,
)
from tramontane.guide.tables.tokens import Token
from tramontane.text.stems import folded, stemmer

_BY_MEANING = 0.78
_NEAR = 0.04  # scores that differ by less are equally good
_MOST_VALUES = 400
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])")
_BRACKETS = re.compile(r"[(\[].*?[)\]]")


class Target(msgspec.Struct, frozen=True):
    """What a name stands for; `value` where it is one of a column."""

    kind: Literal["column", "value", "table"]
    column: ColumnFacts | None = None
    value: Any = None


class Mention(msgspec.Struct, frozen=True):
    """Tokens that name something: `targets` fit equally well."""

    tokens: tuple[int, ...]
    targets: tuple[Target, ...]
    score: float

    @property
    def first(self) -> int:
        return self.tokens[0]

    @property
    def last(self) -> int:
        return self.tokens[-1]

    @property
    def target(self) -> Target:
        return self.targets[0]

    @property
    def column(self) -> ColumnFacts | None:
        return self.targets[0].column


class _Name(msgspec.Struct, frozen=True):
    words: tuple[str, ...]
    target: Target
    weight: float = 1.0


class Vocabulary:
    """The names of one table, as the words of one language are compared with them."""

    def __init__(self, table: TableFacts, words: Lexicon) -> None:
        self.table, self.lexicon = table, words
        self.names = list(self._names())
        words_ = {word for name in self.names for word in name.words}
        self.known = {w for w in words_ if not w.isalpha() and any(map(str.isalpha, w))}

    def _names(self) -> Iterator[_Name]:
        small = _small()
        for column in self.table.columns:
            target = Target("column", column)
            title = _words(_BRACKETS.sub(" ", column.title))
            plain = tuple(w for w in title if w not in small) or title
            if plain:
                yield _Name(plain, target)
            named = tuple(w for w in _words(_CAMEL.sub(" ", column.name)) if w not in small)
            if named and set(named) - set(plain) - set(_words(column.title)):
                yield _Name(named, target, 0.95)
            if column.type == "text":
                for value in column.values[:_MOST_VALUES]:
                    said = _words(value) if isinstance(value, str) and len(value) <= 80 else ()
                    if said:
                        yield _Name(said, Target("value", column, value))
        for text in dict.fromkeys((self.table.title, self.table.name)):
            said = tuple(w for w in _words(_CAMEL.sub(" ", text)) if w not in small)
            if said:
                yield _Name(said, Target("table"), 0.99)

    def mentions(self, question: Sequence[Token], busy: frozenset[int]) -> list[Mention]:
        """Return what the tokens name, best first, no token twice.

        `busy` tokens say something else already: only exact names are made of them.
        """
        found: list[tuple[float, tuple[int, ...], Target]] = []
        for name in self.names:
            found += self._of_name(name, question, busy)
        found.sort(key=lambda one: (-one[0], -len(one[1])))
        kept: list[Mention] = []
        taken: set[int] = set()
        for score, places, target in found:
            if taken.intersection(places):
                continue
            same = [
                other
                for points, where, other in found
                if where == places and points >= score - _NEAR
            ]
            kept.append(Mention(places, tuple(dict.fromkeys([target, *same])), score))
            taken.update(places)
        kept = [m for m in kept if self._is_meant(m, kept, question)]
        return sorted(kept, key=lambda mention: mention.first)

    def _is_meant(
        self, mention: Mention, kept: Sequence[Mention], question: Sequence[Token]
    ) -> bool:
        """Whether a value that is an ordinary word ("high") is meant: its column stands beside."""
        if mention.target.kind != "value":
            return True
        said = [question[i] for i in mention.tokens]
        if not all(token.word in self.lexicon.filler for token in said):
            return True
        if all(token.text[:1].isupper() for token in said) and mention.first > 0:
            return True
        columns = {t.column.name for t in mention.targets if t.column is not None}
        return any(
            other.target.kind == "column"
            and any(t.column is not None and t.column.name in columns for t in other.targets)
            and max(other.first - mention.last, mention.first - other.last) <= 2
            for other in kept
        )

    def _of_name(
        self, name: _Name, question: Sequence[Token], busy: frozenset[int]
    ) -> Iterator[tuple[float, tuple[int, ...], Target]]:
        is_value = name.target.kind == "value"
        width = len(name.words) + (0 if is_value else 3)
        hits: dict[int, list[tuple[int, float]]] = {}
        for i, token in enumerate(question):
            if token.kind == "quoted" and is_value:
                if _words(token.text) == name.words:
                    yield 1.1, (i,), name.target
                continue
            if token.kind != "word":
                continue
            may_mean = not is_value or bool(meaning(token.word, self.lexicon.language))
            for j, word in enumerate(name.words):
                if not may_mean and token.word[0] != word[0] and not _is_within(token.word, word):
                    continue
                near = compare(token.word, word, self.lexicon.language, is_value=is_value)
                if not near:
                    continue
                least = _BY_MEANING if is_value else 0.95
                if (
                    near < least
                    and token.word in self.lexicon.filler
                    and not _is_people(token.word)
                ):
                    continue
                if i not in busy or near >= 1:
                    hits.setdefault(i, []).append((j, near))
        for i in hits:
            yield from self._from(i, hits, name, width, busy, question)

    def _from(
        self,
        i: int,
        hits: dict[int, list[tuple[int, float]]],
        name: _Name,
        width: int,
        busy: frozenset[int],
        question: Sequence[Token],
    ) -> Iterator[tuple[float, tuple[int, ...], Target]]:
        """Yield the naming that begins at token `i`, where enough of the name is there."""
        used: dict[int, tuple[int, float]] = {}
        for k in range(i, min(i + width, len(question))):
            for j, near in sorted(hits.get(k, ()), key=lambda hit: -hit[1]):
                if j not in used:
                    used[j] = (k, near)
                    break
        places = tuple(sorted({k for k, _ in used.values()}))
        total = len(name.words)
        share = len(used) / total
        mean = sum(near for _, near in used.values()) / len(used)
        score = mean * (0.45 + 0.55 * share) * name.weight + 0.03 * (len(used) - 1)
        is_whole = len(used) == total
        if name.target.kind == "value":
            if not is_whole:
                is_name = all(
                    question[k].text[:1].isupper() and len(question[k].word) > 3 for k in places
                )
                if not (is_name and mean >= 1) or total > 3:
                    return
                score = 0.62
            elif busy.intersection(places) and not all(
                question[k].text[:1].isupper() and k for k in places
            ):
                return
        elif not is_whole and (busy.intersection(places) or mean < 0.8):
            return
        yield score, places, name.target


def _is_within(a: str, b: str) -> bool:
    return a in b or b in a


def _is_people(word: str) -> bool:
    """Whether a word that is filler elsewhere counts inhabitants: "how many people"."""
    return "population" in meaning(word, "en")


@cache
def _small() -> frozenset[str]:
    return frozenset().union(*(lexicon(language).small for language in LANGUAGES))


@lru_cache(50_000)
def compare(asked: str, told: str, language: str, *, is_value: bool = False) -> float:
    """Return how surely the folded word `asked` means `told`; 0 where it does not.

    >>> compare("kunden", "kunde", "de") > 0.9, compare("salary", "city", "en")
    (True, 0)
    """
    if asked == told:
        return 1.0
    if asked.isdigit() or told.isdigit() or min(len(asked), len(told)) < 2:
        return 0
    if stemmer(language)(asked) == stemmer(language)(told):
        return 0.97
    if _is_inflected(asked, told):
        return 0.93
    if meaning(asked, language) & (_meanings(told)):
        return 0.84 if not is_value else 0.78
    if language == "de" and (found := _in_compound(asked, told)):
        return found
    if language == "de" and meaning(asked, language) & part_meanings(told):
        return 0.79
    if _distance_within(asked, told):
        return 0.74
    return 0


@lru_cache(10_000)
def _meanings(word: str) -> frozenset[str]:
    return frozenset().union(*(meaning(word, language) for language in LANGUAGES))


def _is_inflected(a: str, b: str) -> bool:
    """Whether they differ in a short ending only."""
    same = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    return same >= 4 and max(len(a), len(b)) - same <= 2 and same >= 0.6 * max(len(a), len(b))


def _in_compound(asked: str, told: str) -> float:
    """Return how surely a German compound has the other word at its end or beginning."""
    long, short = (asked, told) if len(asked) > len(told) else (told, asked)
    if len(short) < SHORTEST_PART:
        return 0
    bare = stemmer("de")(short)
    for part in {short, bare}:
        if len(part) >= SHORTEST_PART and (
            long.endswith(part) or stemmer("de")(long).endswith(part)
        ):
            return 0.82
    if long.startswith(bare) and len(bare) >= 5 and len(long) - len(bare) >= 4:
        return 0.77
    return 0


def _distance_within(a: str, b: str) -> bool:
    """Whether a typo or two part them: one from five letters on, two from nine on."""
    shorter = min(len(a), len(b))
    if shorter < 5 or a[0] != b[0]:
        return False
    allowed = 2 if shorter >= 9 else 1
    if abs(len(a) - len(b)) > allowed:
        return False
    before, row = list[int](), list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1] <= allowed


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", folded(text)))
