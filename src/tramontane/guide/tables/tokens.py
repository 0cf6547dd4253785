"""A question as tokens: words, numbers, periods and what stands in quotation marks, and where the
concepts of a language stand among them. It does not know any table.
"""

import calendar
import re
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from tramontane.guide.tables.lexicon import Lexicon
from tramontane.text.numerals import numerals
from tramontane.text.stems import folded
from tramontane.tools.calendar import MONTHS
from tramontane.tools.periods import Day, find_days

MOST_TOKENS = 60
_WORD = re.compile(r"[^\W_]+|[<>]=?|%")
_QUOTED = re.compile(
    r"«\s*(.+?)\s*»|„(.+?)[“”]|“(.+?)”|\"(.+?)\"|‘(.+?)’|(?<!\w)'([^']{2,}?)'(?!\w)"
)
_YEAR = re.compile(r"(?<![\d.,])(1[5-9]\d\d|20\d\d|21\d\d)(?![\d.,]*\d|\s*[%€$£])")
_UNITS = re.compile(
    r"\d+(?:[.,]\d+)?(?:mm|cm|m|km|kg|g|t|l|h|min|s|€|kwh|mwh|ha|x)\b", re.IGNORECASE
)
_MONTHS = {
    language: {name.casefold(): number for number, name in enumerate(names, 1)}
    for language, names in MONTHS.items()
}


class Period(msgspec.Struct, frozen=True):
    """A stretch of days, the last one not included; or a month or quarter of any year."""

    start: date | None = None
    end: date | None = None
    month: int | None = None
    quarter: int | None = None

    @property
    def years(self) -> tuple[int, int] | None:
        """The first and last year, where it is made of whole years."""
        if self.start is None or self.end is None:
            return None
        if (self.start.month, self.start.day, self.end.month, self.end.day) != (1, 1, 1, 1):
            return None
        return self.start.year, self.end.year - 1


class Token(msgspec.Struct, frozen=True):
    """A piece of a question; `word` is folded, "#" for a number, "@" for a period."""

    start: int
    end: int
    text: str
    word: str
    kind: Literal["word", "number", "period", "quoted"] = "word"
    number: Decimal | None = None
    period: Period | None = None


class Tag(msgspec.Struct, frozen=True):
    """A concept that stands from token `first` to token `last`, the last one included."""

    concept: str
    first: int
    last: int


def period_of(day: Day) -> Period | None:
    """Return the stretch of days that a day, month, quarter or year is."""
    if day.time is not None and day.year is None:
        return None
    if day.year is None:
        return Period(month=day.month, quarter=day.quarter)
    try:
        if day.day is not None and day.month is not None:
            start = date(day.year, day.month, day.day)
            return Period(start, start + timedelta(1))
        if day.month is not None:
            return months(date(day.year, day.month, 1), 1)
        if day.quarter is not None:
            return months(date(day.year, 3 * day.quarter - 2, 1), 3)
        return Period(date(day.year, 1, 1), date(day.year + 1, 1, 1))
    except (ValueError, OverflowError):
        return None


def months(start: date, count: int) -> Period:
    """Return so many months from `start`, a first of a month, on."""
    end = start.year * 12 + start.month - 1 + count
    return Period(start, date(end // 12, end % 12 + 1, 1))


def tokens(question: str, words: Lexicon, known: Collection[str] = ()) -> list[Token]:
    """Return the tokens of `question`. `known` are folded words with figures, such as "3a"."""
    taken: list[tuple[int, int]] = []
    found: list[Token] = []

    def add(start: int, end: int, word: str, **more: Any) -> None:
        if any(start < e and s < end for s, e in taken):
            return
        taken.append((start, end))
        found.append(Token(start, end, question[start:end], word, **more))

    for match in _QUOTED.finditer(question):
        inner = next(group for group in match.groups() if group)
        taken.append(match.span())
        found.append(Token(*match.span(), inner, '"', "quoted"))
    for match in _WORD.finditer(question):
        if any(c.isdigit() for c in match.group()) and folded(match.group()) in known:
            add(*match.span(), folded(match.group()))
    for day, start, end in find_days(question, taken):
        period = period_of(day)
        if period is not None:
            add(start, end, "@", kind="period", period=period)
    for match in _YEAR.finditer(question):
        year = int(match[1])
        add(*match.span(), "@", kind="period", number=Decimal(year), period=period_of(Day(year)))
    for match in _WORD.finditer(question):
        word = match.group()
        month = _MONTHS[words.language].get(word.casefold())
        if month and (words.language != "en" or word[0].isupper()):  # "may", "march"
            add(*match.span(), "@", kind="period", period=Period(month=month))
    for numeral in numerals(question, words.language):
        tail = re.match(r"[^\W\d_]+", question[numeral.end :])
        if tail and not _UNITS.fullmatch(question[numeral.start : numeral.end + tail.end()]):
            continue
        add(numeral.start, numeral.end, "#", kind="number", number=numeral.values[0])
    for match in _WORD.finditer(question):
        word = folded(match.group())
        if word in words.numbers:
            add(*match.span(), "#", kind="number", number=Decimal(words.numbers[word]))
        else:
            add(*match.span(), word)
    return sorted(found, key=lambda token: token.start)[:MOST_TOKENS]


# Concepts that exclude one another where they overlap: the longest stays.
_RIVALS = frozenset(
    ("count", "distinct", "sum", "mean", "median", "high", "low", "most", "fewest", "share", "by",
     "more", "at_least", "less", "at_most", "trend", "compare", "not")
)  # fmt: skip


def tags(question: list[Token], words: Lexicon) -> list[Tag]:
    """Return the concepts in their order."""
    text, starts = "", {}
    ends = {}
    for number, token in enumerate(question):
        starts[len(text)] = number
        text += token.word
        ends[len(text)] = number
        text += " "
    found = [
        Tag(concept, starts[match.start()], ends[match.end()])
        for concept, pattern in words.concepts
        for match in pattern.finditer(text)
        if match.start() in starts and match.end() in ends
    ]
    rivals = [tag for tag in found if tag.concept in _RIVALS]
    kept: list[Tag] = []
    for tag in sorted(rivals, key=lambda tag: tag.first - tag.last):
        if not any(tag.first <= other.last and other.first <= tag.last for other in kept):
            kept.append(tag)
    kept += [tag for tag in found if tag.concept not in _RIVALS]
    return sorted(kept, key=lambda tag: (tag.first, -tag.last))


def relative_period(concept: str, count: int, today: date) -> Period | None:
    """Return the stretch that "last_year" and the like are, seen from `today`."""
    first = today.replace(day=1)
    match concept:
        case "this_year":
            return Period(date(today.year, 1, 1), date(today.year + 1, 1, 1))
        case "last_year":
            return Period(date(today.year - 1, 1, 1), date(today.year, 1, 1))
        case "this_month":
            return months(first, 1)
        case "last_month":
            return months((first - timedelta(1)).replace(day=1), 1)
        case "last_days":
            return Period(today - timedelta(count - 1), today + timedelta(1))
        case "last_months":
            at = today.year * 12 + today.month - 1 - count
            day = min(today.day, calendar.monthrange(at // 12, at % 12 + 1)[1])
            return Period(date(at // 12, at % 12 + 1, day), today + timedelta(1))
    return None
