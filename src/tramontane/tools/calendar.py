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


def find_dates(text: str, today: date) -> list[Found]:
    """Return the dates in `text` in their order. Raises NoSuchDate for one such as 31.02.2026.

    One without a year is the next such day, today included.
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
    return sorted(found, key=lambda one: one.start)


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
