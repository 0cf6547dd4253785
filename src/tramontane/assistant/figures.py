"""Numbers and dates in an answer, against the passages that it was given.

A number is proven where a passage has it, rounded to the digits shown: one that the answer names
beside it first. It is not where the statement is plainly about another sentence of that passage.
Pure. Numbers of results are `tables.binding`'s.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from tramontane.documents import quotations
from tramontane.documents.citations import SourceText
from tramontane.store.messages import Check, ResultColumn, ResultPart
from tramontane.tables.binding import bind
from tramontane.tables.claims import Claim, claims, fits
from tramontane.text.numerals import Numeral
from tramontane.text.sentences import sentences
from tramontane.text.stems import stems, words
from tramontane.tools.periods import Day

APART_LEAST = 2
CLAIMS_MAX = 1_000
PLAIN_OPERANDS = frozenset(map(Decimal, (1, 2, 4, 7, 10, 12, 24, 52, 60, 100, 365, 1000)))
_ITEM = re.compile(r"^[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)
_PARTED = re.compile(r"\n|(?<=[.!?])\s+(?=[^\W\d_])")


_PERCENT = re.compile(r"%|percent|prozent|pour cent|por ciento|per cento", re.IGNORECASE)
_ANY = " | %"
_ABOUT = re.compile(
    r"\b(?:about|around|some|approximately|roughly|nearly|almost|circa|ca\.?|environ|près de"
    r"|presque|quelque|etwa|rund|ungefähr|knapp|gut|fast|unos|unas|aproximadamente|cerca de|casi"
    r"|alrededor de|quasi|all'incirca)\s+$",
    re.IGNORECASE,
)
_LEANS = re.compile(
    r"\W*(?:of (?:this|these|that|which)|this|these|it|they|davon|darunter|das|dies\w*|es|sie"
    r"|dont|parmi|cela|cette|ces|il|elle|de (?:ellos|ellas|esto)|est[aeo]s?|di (?:questi|queste)"
    r"|quest[aeio]|ne)\b",
    re.IGNORECASE,
)
_UNITS = frozenset(
    stem
    for language, said in {
        "de": "Euro Prozent Jahr Million Milliarde Tausend Seite Bericht Anteil Zahl Gesamt",
        "en": "euro dollar percent year million billion thousand page report share number total",
        "es": "euro ciento año millón mil página informe número total",
        "fr": "euro cent année an million milliard mille page rapport nombre total",
        "it": "euro cento anno milione miliardo mila pagina rapporto numero totale",
    }.items()
    for stem in stems(said, language)
)
"""Words that stand beside any figure, and say nothing of what it is about."""


class Passage(msgspec.Struct, frozen=True):
    """A source with what it says in figures; `sentences` with the stems of each."""

    of: SourceText
    page: int
    claims: tuple[Claim, ...]
    sentences: tuple[tuple[int, int, frozenset[str]], ...]


class Worked(msgspec.Struct, frozen=True):
    """A sum that was worked out with a tool: what went in, and what came out."""

    operands: str
    result: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers of an answer may come from."""

    passages: Sequence[Passage] = ()
    question: str = ""
    language: str | None = None
    worked: Sequence[Worked] = ()


def passage(source: SourceText, page: int) -> Passage:
    """Return `source` as numbers are looked for in it."""
    parts = tuple(
        (start, end, _stems(source.text[start:end], source.language))
        for start, end in sentences(source.text, source.language)
    )
    return Passage(source, page, tuple(claims(source.text, source.language)), parts)


def judge(
    text: str, known: Known, said: Sequence[Check], bound: Sequence[Check] | None, part: int
) -> list[Check]:
    """Return a check for each number and date of `text`.

    `said` are the quotes and marks, judged on their own. The line of a block quote that says where
    it is from claims nothing. `bound` is what results had to say of each number, None where there
    are none: what they do not prove is looked for here.
    """
    before = {check.start: check for check in bound or ()}
    spans = [(check.start, check.start + len(check.text)) for check in said]
    spans += quotations.attributions(text)
    cited = [(c.start, c.source) for c in said if c.kind == "citation" and c.source is not None]
    found: list[Check] = []
    for claim in claims(text, known.language)[:CLAIMS_MAX]:
        if any(start < claim.end and claim.start < end for start, end in spans):
            continue
        earlier = before.get(claim.start)
        if earlier is not None and earlier.verdict in ("proven", "calculated"):
            found.append(earlier)
            continue
        if earlier is None and bound is not None:
            continue  # it is part of a column's name
        judged = _judged(text, claim, known, cited, part)
        if judged.verdict == "unproven" and earlier is not None:
            judged = earlier
        if judged.verdict == "unproven" and _counts_items(text, claim):
            continue
        found.append(judged)
    return _calculated(text, found, known, part)


def _calculated(text: str, found: list[Check], known: Known, part: int) -> list[Check]:
    """Return `found` with what the words call a sum, difference or ratio of proven numbers beside
    it as calculated.
    """
    proven = {check.start for check in found if check.verdict == "proven" and check.at is not None}
    if not proven or all(check.verdict != "unproven" for check in found):
        return found
    values = {
        claim.numeral.values[0]
        for claim in claims(text, known.language)
        if claim.numeral is not None and claim.start in proven
    }
    beside = ResultPart(
        id="",
        title="",
        tables=(),
        sql="",
        columns=(ResultColumn("", "number"),),
        rows=tuple((value,) for value in values),
        row_count=1,
        is_truncated=True,  # it is no column, whose total or mean would mean something
    )
    worked = {
        check.start
        for check in bind(text, [beside], known.question, known.language, part)
        if check.verdict == "calculated"
    }
    return [
        msgspec.structs.replace(check, verdict="calculated")
        if check.verdict == "unproven" and check.start in worked
        else check
        for check in found
    ]


def _judged(
    text: str, claim: Claim, known: Known, cited: Sequence[tuple[int, int]], part: int
) -> Check:
    said = text[claim.start : claim.end]
    begin, end = _statement(text, claim)
    near = [n for at, n in cited if begin <= at < end]
    named = [each for each in known.passages if each.of.number in near]
    others = [each for each in known.passages if each.of.number not in near]
    statement = text[begin:end]
    made = Check(part=part, start=claim.start, text=said, kind="number", verdict="proven")
    for each in named:
        at = _place(claim, each, statement, begin, known, ())
        if at is not None:
            return msgspec.structs.replace(made, source=each.of.number, at=at)
    for each in others:
        at = _place(claim, each, statement, begin, known, named)
        if at is not None:
            return msgspec.structs.replace(made, source=each.of.number, at=at)
    for each in [*named, *others]:
        if any(_has(claims(about, known.language), claim) for about in each.of.about) or (
            claim.numeral is not None and Decimal(each.page) in claim.numeral.values
            and _PAGE.search(text[max(0, claim.start - 20) : claim.start])
        ):  # fmt: skip
            return msgspec.structs.replace(made, source=each.of.number)
    if any(_is_worked(claim, one, known) for one in known.worked):
        return msgspec.structs.replace(made, verdict="calculated")
    if _is_asked(claim, known):
        return msgspec.structs.replace(made, verdict="asked")
    return msgspec.structs.replace(made, verdict="unproven")


_PAGE = re.compile(
    r"(?:\bpages?|\bp\.|\bpp\.|\bs\.|seiten?|\bpág\w*\.?|\bpag\w*\.?|slides?|folien?|diapo\w*"
    r"|sheets?|blatt|hoja|foglio|feuille|parts?|teil|partie|parte)\s*$",
    re.IGNORECASE,
)


def _place(
    claim: Claim,
    passage: Passage,
    statement: str,
    begin: int,
    known: Known,
    named: Sequence[Passage],
) -> tuple[int, int] | None:
    """Return where the passage says what is claimed; None where it does not, or where the statement
    is about another sentence: of this passage, or of those that it names instead.
    """
    is_about = _ABOUT.search(statement[: claim.start - begin]) is not None
    there = [
        other
        for other in passage.claims
        if _is_same(claim, other, passage.of.text, is_about=is_about)
    ]
    if not there:
        return None
    if passage.of.language is None or passage.of.language != known.language:
        return there[0].start, there[0].end
    about = _worded(_stems(statement, known.language)) - _UNITS
    names = _names(statement, known.language)
    others = [about & each[2] for every in (passage, *named) for each in every.sentences]
    best, most = None, -1
    before: frozenset[str] = frozenset()
    for start, end, said in passage.sentences:
        own = about & said
        leans = not own and not named and _LEANS.match(passage.of.text, start) is not None
        own, before = (own | before if leans else own), own
        told = next((other for other in there if start <= other.start < end), None)
        if told is None or len(own) <= most:
            continue
        if not any(_tells_more(other, own, names) for other in others):
            best, most = told, len(own)
    return None if best is None else (best.start, best.end)


def _tells_more(other: frozenset[str], own: frozenset[str], names: frozenset[str]) -> bool:
    """Whether another sentence has all that one shares with the statement, and plainly more."""
    more = other - own
    return own <= other and (len(more) >= APART_LEAST or bool(more & names))


def _names(statement: str, language: str | None) -> frozenset[str]:
    """Return the stems of what is written with a capital within the statement."""
    found = [word for word in words(statement, language) if statement[word.start].isupper()]
    first = next((at for at, mark in enumerate(statement) if mark.isalpha()), 0)
    return frozenset(word.stem for word in found if word.start > first)


def _worded(stems: frozenset[str]) -> frozenset[str]:
    return frozenset(stem for stem in stems if not any(mark.isdigit() for mark in stem))


def _is_same(claim: Claim, other: Claim, text: str, *, is_about: bool = False) -> bool:
    """Whether what is claimed is what the other says; `is_about`: as a round number."""
    if claim.day is not None:
        return other.day is not None and _is_in(claim.day, other.day)
    assert claim.numeral is not None
    if other.day is not None:
        return not claim.numeral.is_percent and Decimal(other.day.year or -1) in (
            claim.numeral.values
        )
    assert other.numeral is not None
    if claim.numeral.is_percent != other.numeral.is_percent and (
        other.numeral.is_percent or not (" | " in text and _PERCENT.search(text))
    ):
        return False  # but in a table, the sign may stand above the figures
    return _rounds_to(other.numeral, claim.numeral, is_about=is_about)


def _rounds_to(there: Numeral, shown: Numeral, *, is_about: bool) -> bool:
    """Whether `shown` is what is `there`; "a fall of 3%" may be told of −3%."""
    pairs = [
        (abs(v), abs(o)) for v in shown.values for o in there.values if v > 0 or o < 0 or v == o
    ]
    if any(value == other for value, other in pairs):
        return True
    try:
        return any(
            len(v.as_tuple().digits) >= 2 and fits(o, v.normalize() if is_about else v)
            for v, o in pairs
        )
    except InvalidOperation:  # too long to be subtracted
        return False


def _is_in(told: Day, whole: Day) -> bool:
    """Whether all that is told of a day is what the other has."""
    pairs = zip(_fields(told), _fields(whole), strict=True)
    return all(mine is None or mine == theirs for mine, theirs in pairs)


def _fields(day: Day) -> tuple[object, ...]:
    quarter = day.quarter
    return day.year, day.month, day.day, quarter, day.time


def _has(there: Iterable[Claim], claim: Claim) -> bool:
    return any(_is_same(claim, other, _ANY) for other in there)


def _is_asked(claim: Claim, known: Known) -> bool:
    return _has(claims(known.question, known.language), claim)


def _is_worked(claim: Claim, worked: Worked, known: Known) -> bool:
    """Whether a tool gave it, from numbers that are known."""
    if not _has(claims(worked.result, known.language), claim):
        return False
    for operand in claims(worked.operands, "en"):
        numeral = operand.numeral
        if numeral is None or PLAIN_OPERANDS & {*numeral.values}:
            continue
        is_there = any(
            _is_same(operand, other, _ANY) for each in known.passages for other in each.claims
        )
        if not is_there and not _is_asked(operand, known):
            return False
    return True


def _counts_items(text: str, claim: Claim) -> bool:
    """Whether it says how many items the list has that the answer gives."""
    if claim.numeral is None or claim.numeral.is_percent:
        return False
    count = len(_ITEM.findall(text))
    return 2 <= count <= 30 and Decimal(count) in claim.numeral.values


def _statement(text: str, claim: Claim) -> tuple[int, int]:
    """Return the sentence that the claim stands in, with the marks behind its stop."""
    start, end = 0, len(text)
    for match in _PARTED.finditer(text):
        if match.end() <= claim.start:
            start = match.end()
        elif match.start() >= claim.end:
            end = match.start()
            break
    return start, end


def _stems(text: str, language: str | None) -> frozenset[str]:
    return frozenset(word.stem for word in words(text, language))
