"""Days, months, quarters, years and times as a text tells them, in five languages.

Days in figures have the day first, unless that makes no date. It does not know today: what is
told from it ("last month") is not found here.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from tramontane.tools.calendar import MONTHS


class Day(msgspec.Struct, frozen=True):
    """A date as far as it is told; None for what is not."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    quarter: int | None = None
    time: str | None = None


class FoundDay(NamedTuple):
    """A day in a text, and where it is written (code points)."""

    day: Day
    start: int
    end: int


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


_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "premier": 1, "deuxième": 2,
    "troisième": 3, "quatrième": 4, "erstes": 1, "ersten": 1, "erste": 1, "zweites": 2,
    "zweiten": 2, "zweite": 2, "drittes": 3, "dritten": 3, "dritte": 3, "viertes": 4, "vierten": 4,
    "vierte": 4, "primer": 1, "segundo": 2, "tercer": 3, "cuarto": 4, "primo": 1, "secondo": 2,
    "terzo": 3, "quarto": 4,
}  # fmt: skip


def _ordinal_quarter(match: re.Match[str]) -> Day | None:
    year = match.groupdict().get("year")
    quarter = _ORDINALS[match["ordinal"].casefold()]
    return Day(int(year) if year else None, None, None, quarter)


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
    (rf"(?<!\w)(?P<ordinal>{'|'.join(_ORDINALS)})\s+{_QUARTER_WORD}{_OF_YEAR}?", _ordinal_quarter),
    (r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d\d)(?![\d-])", _year_month),
    (rf"(?<![\d:]){_TIME}(?![\d:])", _time),
)
_DATES = tuple((re.compile(pattern, re.IGNORECASE), read) for pattern, read in _FORMS)


def find_days(text: str, taken: Iterable[tuple[int, int]] = ()) -> list[FoundDay]:
    """Return the days, months, quarters and times in `text` in their order; a year alone is none.

    What overlaps `taken` is left out.
    """
    spans = list(taken)
    found: list[FoundDay] = []
    for pattern, read in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in spans):
                continue
            day = read(match)
            if day is not None:
                found.append(FoundDay(day, *match.span()))
                spans.append(match.span())
    return sorted(found, key=lambda one: one.start)
