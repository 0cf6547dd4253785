"""What a text claims in figures: its numbers and dates, each where it stands.

Code, `[n]` marks, links, ordinals and the numbering of lists are no claims. It does not know
whether a claim is true: `binding` does.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise

import msgspec

from tramontane.text.numerals import Numeral, numerals
from tramontane.tools.calendar import MONTHS


class Day(msgspec.Struct, frozen=True):
    """A date as far as it is told; None for what is not."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    quarter: int | None = None
    time: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """A number or a date from `start` to `end` (code points); one of the two is there."""

    start: int
    end: int
    numeral: Numeral | None = None
    day: Day | None = None


_ABBREVIATED = {
    "jan": 1, "janv": 1, "ene": 1, "gen": 1, "feb": 2, "fév": 2, "févr": 2, "mär": 3, "mrz": 3,
    "mar": 3, "apr": 4, "avr": 4, "abr": 4, "may": 5, "mag": 5, "jun": 6, "giu": 6, "jul": 7,
    "juil": 7, "lug": 7, "aug": 8, "ago": 8, "sep": 9, "sept": 9, "set": 9, "oct": 10, "okt": 10,
    "ott": 10, "nov": 11, "dec": 12, "déc": 12, "dez": 12, "dic": 12,
}  # fmt: skip
_MONTHS = _ABBREVIATED | {
    name.casefold(): number for names in MONTHS.values() for number, name in enumerate(names, 1)
}
_NAMES = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_YEAR = r"(?P<year>\d{4})(?!\d)"
_QUARTER_WORD = r"(?:quarters?|quartals?|trimestres?|trimestri|trim\.?)"


def _whole(match: re.Match[str]) -> Day | None:
    return _checked(Day(int(match["year"]), int(match["month"]), int(match["day"]), None,
                        match.groupdict().get("time")))  # fmt: skip


def _figures(match: re.Match[str]) -> Day | None:
    day, month = int(match["day"]), int(match["month"])
    if month > 12 and day <= 12:
        day, month = month, day
    return _checked(Day(int(match["year"]), month, day))


def _written(match: re.Match[str]) -> Day | None:
    said = match.groupdict()
    year = int(said["year"]) if said.get("year") else None
    day = int(said["day"]) if said.get("day") else None
    return _checked(Day(year, _MONTHS[match["name"].casefold()], day))


def _quarter(match: re.Match[str]) -> Day | None:
    year = match.groupdict().get("year")
    return Day(int(year) if year else None, None, None, int(match["quarter"]))


def _year_month(match: re.Match[str]) -> Day | None:
    return _checked(Day(int(match["year"]), int(match["month"])))


def _time(match: re.Match[str]) -> Day | None:
    return Day(time=match["time"]) if int(match["time"][:2]) < 24 else None


def _checked(day: Day) -> Day | None:
    is_real = (day.month is None or 1 <= day.month <= 12) and (
        day.day is None or 1 <= day.day <= 31
    )
    return day if is_real else None


_TIME = r"(?P<time>[0-2]\d:[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?"
_OF_YEAR = rf"(?:,?\s*(?:of\s+|de[l]?\s+|di\s+)?{_YEAR})"
_NAME = rf"(?P<name>{_NAMES})\b\.?"
_NUMBERED_DAY = r"(?<!\w)(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|°|\.)?\s*(?:of\s+|de\s+)?"
_NUMBERED_QUARTER = rf"(?<!\w)(?P<quarter>[1-4])(?:st|nd|rd|th|er|e|º|°|ª|\.)?\s*{_QUARTER_WORD}"
_FORMS: tuple[tuple[str, Callable[[re.Match[str]], Day | None]], ...] = (
    (rf"(?<![\d-])(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)(?:[T ]{_TIME})?(?!\d)", _whole),
    (rf"(?<![\d./])(?P<day>\d\d?)(?P<mark>[./-])(?P<month>\d\d?)(?P=mark){_YEAR}", _figures),
    (rf"{_NUMBERED_DAY}{_NAME}{_OF_YEAR}?", _written),
    (rf"(?<!\w){_NAME}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d),?\s+{_YEAR}", _written),
    (rf"(?<!\w){_NAME}{_OF_YEAR}", _written),
    (rf"(?<!\w)[QT](?P<quarter>[1-4])\b(?:[ /-]*{_YEAR})?", _quarter),
    (rf"{_NUMBERED_QUARTER}{_OF_YEAR}?", _quarter),
    (r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d\d)(?![\d-])", _year_month),
    (rf"(?<![\d:]){_TIME}(?![\d:])", _time),
)
_DATES = tuple((re.compile(pattern, re.IGNORECASE), read) for pattern, read in _FORMS)
_IGNORED = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`"  # code
    r"|\[\d+(?:\s*[,;–-]\s*\d+)*\](?!\()|\]\([^)\n]*\)|https?://\S+"  # marks, targets of links
    r"|(?m:^\s*(?:[-*+>]\s+)*\(?\d{1,3}[.)](?=\s+\S))"  # numbering
    r"|(?<![\w.,])\d{1,3}(?:st|nd|rd|th|er|ère|re|e|ème|º|ª|°(?!\s?[CF]))(?!\w)",  # ordinals
    re.DOTALL,
)
_IDENTIFIER = re.compile(r"[^\W\d_][\w.]*[-_/]$")
_TABLE_ROW = re.compile(r"^[ \t]*\|[ \t]*(\d{1,4})[ \t]*\|", re.MULTILINE)


def claims(text: str, language: str | None) -> list[Claim]:
    """Return what `text` claims in figures, in its order."""
    taken = [match.span() for match in _IGNORED.finditer(text)]
    taken += _ranks(text)
    found: list[Claim] = []
    for pattern, read in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            day = read(match)
            if day is not None:
                found.append(Claim(match.start(), match.end(), day=day))
                taken.append(match.span())
    for start, end in taken:  # what is taken is no number any more; places stay
        text = f"{text[:start]}{'~' * (end - start)}{text[end:]}"
    for numeral in numerals(text, language):
        if not _IDENTIFIER.search(text[max(0, numeral.start - 30) : numeral.start]):
            found.append(Claim(numeral.start, numeral.end, numeral))
    return sorted(found, key=lambda claim: claim.start)


def _ranks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the numbers of a Markdown table's first column where they only count its rows."""
    rows = list(_TABLE_ROW.finditer(text))
    counts = [int(match[1]) for match in rows]
    if len(rows) > 1 and counts[0] == 1 and all(b == a + 1 for a, b in pairwise(counts)):
        yield from (match.span(1) for match in rows)


def fits(value: Decimal, shown: Decimal) -> bool:
    """Return whether `shown` is `value`, rounded to the digits that it shows.

    >>> fits(Decimal("1234.56"), Decimal("1234.6")), fits(Decimal("1234.56"), Decimal("1.2E+3"))
    (True, True)
    """
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(value - shown) <= Decimal(5).scaleb(exponent - 1)
