"""Dates as people of five languages write and read them. It does not know what is asked of them.

Numbers alone are read with the day first, as everywhere in Europe, unless that makes no date.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from tramontane.tools.numbers import LANGUAGES

MONTHS: dict[str, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
           "octobre", "novembre", "décembre"),
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
           "Oktober", "November", "Dezember"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
           "octubre", "noviembre", "diciembre"),
    "it": ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
           "settembre", "ottobre", "novembre", "dicembre"),
}  # fmt: skip
WEEKDAYS: dict[str, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "it": ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"),
}
# Spellings beside the full names and their first three or four letters.
_OTHER_MONTHS = {
    "jänner": 1, "fevrier": 2, "févr": 2, "fevr": 2, "maerz": 3, "mrz": 3, "avr": 4, "juil": 7,
    "aout": 8, "sept": 9, "setiembre": 9, "decembre": 12, "gen": 1, "ene": 1, "ago": 8, "set": 9,
    "ott": 10, "dic": 12, "abr": 4, "mag": 5, "giu": 6, "lug": 7, "dez": 12, "okt": 10,
}  # fmt: skip
_RELATIVE = {
    0: ("today", "aujourd'hui", "aujourd’hui", "heute", "hoy", "oggi"),
    1: ("tomorrow", "demain", "morgen", "mañana", "manana", "domani"),
    -1: ("yesterday", "hier", "gestern", "ayer", "ieri"),
    2: ("the day after tomorrow", "après-demain", "übermorgen", "pasado mañana", "dopodomani"),
    -2: ("the day before yesterday", "avant-hier", "vorgestern", "anteayer", "l'altro ieri"),
}
_FEASTS = {
    (12, 25): ("christmas", "noël", "noel", "weihnachten", "navidad", "natale"),
    (12, 31): ("new year's eve", "silvester", "nochevieja", "san silvestro"),
    (1, 1): ("new year's day", "new year", "nouvel an", "neujahr", "año nuevo", "capodanno"),
}


class Found(NamedTuple):
    """A date in a text: which day, and where it is written."""

    day: date
    start: int
    end: int


class NoSuchDate(ValueError):
    """It looks like a date, but there is no such day."""


def _month_names() -> dict[str, int]:
    names = dict(_OTHER_MONTHS)
    for language in LANGUAGES:
        for number, name in enumerate(MONTHS[language], 1):
            names.setdefault(name.casefold(), number)
            names.setdefault(name.casefold()[:3], number)
            names.setdefault(name.casefold()[:4], number)
    # "mar" is March and Tuesday, "mai" May; three letters that mean two months mean neither.
    return names


_MONTH_NUMBERS = _month_names()
_NAMES = "|".join(sorted(map(re.escape, _MONTH_NUMBERS), key=len, reverse=True))
_ORDINAL = r"(?:st|nd|rd|th|er|re|º|°|\.)?"
_WRITTEN = re.compile(
    rf"(?<![\w])(?P<day>\d{{1,2}}){_ORDINAL}\s*(?:of\s+|de\s+|di\s+|d['’]\s*)?"
    rf"(?P<month>{_NAMES})\b\.?(?:,?\s*(?:de[l]?\s+)?(?P<year>\d{{4}}))?",
    re.I,
)
_AMERICAN = re.compile(
    rf"(?<![\w])(?P<month>{_NAMES})\b\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)"
    r"(?:,?\s+(?P<year>\d{4}))?",
    re.I,
)
_ISO = re.compile(r"(?<!\d)(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?!\d)")
_FIGURES = re.compile(
    r"(?<![\d.,])(?P<day>\d{1,2})(?P<mark>[./-])(?P<month>\d{1,2})(?P=mark)(?P<year>\d{4})(?!\d)"
)
# What stands between the first and the last day of a span: "from 1 to 24 December 2026".
_LINK = (
    r"\s*(?:[-–]|(?<!\w)(?:and|to|until|till|through|et|au|jusqu['’]au|und|bis|y|e|al|hasta|fino)"
    r"(?!\w))\s*(?:(?:the|zum|dem|den|le|el|il|al|l['’])(?!\w)\s*)*"
)
_LINKED = re.compile(_LINK, re.I)
_FIRST = re.compile(
    rf"(?<![\w.,/:-])(?P<day>\d{{1,2}})(?:[./](?P<month>\d{{1,2}})\.?|{_ORDINAL}){_LINK}\Z", re.I
)
_LAST = re.compile(
    rf"{_LINK}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{{4}}))?(?=\s*(?:[?.!,;)]|\Z))",
    re.I,
)


def find_dates(text: str, today: date) -> list[Found]:
    """Return the dates in `text` in their order. Raises NoSuchDate for one such as 31.02.2026.

    One without a year is the next such day, today included; the first day of a span is in the month
    and the year of its last, where it says none.
    """
    found: list[Found] = []

    def add(match: re.Match[str], read: Callable[[re.Match[str]], date]) -> None:
        start, end = match.span()
        if not any(start < other.end and other.start < end for other in found):
            found.append(Found(read(match), start, end))

    for pattern in (_ISO, _FIGURES, _WRITTEN, _AMERICAN):
        for match in pattern.finditer(text):
            add(match, lambda m: _read(m, today))
    for days, words in sorted(_RELATIVE.items(), key=lambda item: -abs(item[0])):
        for match in re.finditer(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", text, re.I):
            add(match, lambda _, days=days: today + timedelta(days))  # type: ignore[misc]
    for (month, day), words in _FEASTS.items():
        for match in re.finditer(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", text, re.I):
            add(match, lambda _, m=month, d=day: _next(m, d, today))  # type: ignore[misc]
    return _spanned(text, sorted(found, key=lambda one: one.start))


def _spanned(text: str, found: list[Found]) -> list[Found]:
    """Return the dates with what the ends of spans have from each other."""
    complete: list[Found] = []
    for at, one in enumerate(found):
        written = text[one.start : one.end]
        after = found[at + 1] if at + 1 < len(found) else None
        if after is not None and _LINKED.fullmatch(text[one.end : after.start]):
            if _is_yearless(written):  # "1 March to 24 March 2026"
                one = one._replace(day=_before(after.day, one.day.month, one.day.day, written))
        elif first := _FIRST.search(text[: one.start]):  # "1 to 24 March 2026", "1.3. to 24.3.2026"
            if not (complete and first.start() < complete[-1].end) and written[0].isdigit():
                month = int(first["month"] or one.day.month)
                day = _before(one.day, month, int(first["day"]), first.group())
                complete.append(Found(day, *first.span("day")))
        elif last := _american_last(text, one):  # "March 1 to 24, 2026"
            year = int(last["year"] or one.day.year)
            one = one._replace(day=_day(year, one.day.month, one.day.day, written))
            day = _day(year, one.day.month, int(last["day"]), last.group())
            complete += [one, Found(day, last.start("day"), last.end())]
            continue
        complete.append(one)
    return complete


def _american_last(text: str, first: Found) -> re.Match[str] | None:
    """Return the last day of a span where it stands behind the month and the first."""
    written = text[first.start : first.end]
    is_first = _AMERICAN.fullmatch(written) is not None and _is_yearless(written)
    return _LAST.match(text, first.end) if is_first else None


def _is_yearless(written: str) -> bool:
    """Whether a date is written by its month's name, without a year."""
    match = _WRITTEN.fullmatch(written) or _AMERICAN.fullmatch(written)
    return match is not None and match["year"] is None


def _before(last: date, month: int, day: int, written: str) -> date:
    """Return the day that a span to `last` begins with. Raises NoSuchDate."""
    return _day(last.year - (month > last.month), month, day, written)


def _day(year: int, month: int, day: int, written: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise NoSuchDate(written.strip()) from None


def _read(match: re.Match[str], today: date) -> date:
    parts = match.groupdict()
    month_text, day = parts["month"], int(parts["day"])
    month = int(month_text) if month_text.isdigit() else _MONTH_NUMBERS[month_text.casefold()]
    if month > 12 and day <= 12:  # 12/25/2026: only one reading makes a date
        day, month = month, day
    try:
        if parts["year"] is None:
            return _next(month, day, today)
        return date(int(parts["year"]), month, day)
    except ValueError:
        raise NoSuchDate(match.group()) from None


def _next(month: int, day: int, today: date) -> date:
    """Return the next such day, today included. Raises ValueError where no year has it."""
    for year in range(today.year, today.year + 9):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError("no year has this day")


def name_date(day: date, language: str) -> str:
    """Return the day in words, such as "Sunday 22 November 2026"."""
    weekday = WEEKDAYS[language][day.weekday()]
    month = MONTHS[language][day.month - 1]
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    if language == "de":
        return f"{weekday}, {day.day}. {month} {day.year}"
    if language == "es":
        return f"{weekday} {day.day} de {month} de {day.year}"
    return f"{weekday} {number} {month} {day.year}"
