"""Exact answers about dates: today, the days between two, a day so much later, weekday and week.

The Gregorian calendar, years 1 to 9999. Working days are Monday to Friday: public holidays differ
from place to place, and are not known here.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from tramontane.tools.calendar import Found, NoSuchDate, find_dates, name_date
from tramontane.tools.numbers import LANGUAGES
from tramontane.tools.tool import Tool, ToolResult, refuse_unknown

_MOST = 4_000_000  # days: more than the calendar has


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """How far to go, forward or (negative) back."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    working_days: int = 0


def days_between(first: date, last: date) -> tuple[int, int]:
    """Return the days from `first` to `last`, and how many of those are Monday to Friday.

    The first day does not count, the last does; both are negative where `last` is the earlier.
    """
    days = (last - first).days
    if days < 0:
        back, working = days_between(last, first)
        return -back, -working
    weeks, rest = divmod(days, 7)
    working = 5 * weeks + sum((first.weekday() + i) % 7 < 5 for i in range(1, rest + 1))
    return days, working


def move(day: date, span: Span) -> date:
    """Return the day that is `span` after `day`; OverflowError past the calendar's ends.

    Years and months go first and keep to the month's end: 31 January and a month is 28 February.
    """
    months = day.year * 12 + day.month - 1 + span.years * 12 + span.months
    year, month = divmod(months, 12)
    if not 1 <= year <= 9_999:
        raise OverflowError
    day = date(year, month + 1, min(day.day, _month_length(year, month + 1)))
    return _move_working(day + timedelta(span.weeks * 7 + span.days), span.working_days)


def _month_length(year: int, month: int) -> int:
    after = date(year + month // 12, month % 12 + 1, 1) if (year, month) != (9_999, 12) else None
    return 31 if after is None else (after - date(year, month, 1)).days


def _move_working(day: date, count: int) -> date:
    step = timedelta(1 if count > 0 else -1)
    weeks, rest = divmod(abs(count), 5)
    day += 7 * weeks * step
    while rest:
        day += step
        rest -= day.weekday() < 5
    if weeks and not abs(count) % 5:  # whole weeks from a weekend end on its working day
        while day.weekday() >= 5:
            day -= step
    return day


def describe(day: date, language: str) -> str:
    """Return the day with its ISO week (ISO 8601) and its number in the year."""
    iso = day.isocalendar()
    return _WORDS[language]["describe"].format(
        day=name_date(day, language), week=iso.week, year=iso.year, number=day.timetuple().tm_yday
    )


def tell_difference(first: date, last: date, language: str) -> str:
    """Return in words how far apart two days are, and how many working days both and those between
    are: so people count them.
    """
    words = _WORDS[language]
    first, last = min(first, last), max(first, last)
    days, working = days_between(first, last)
    working += first.weekday() < 5
    weeks, rest = divmod(days, 7)
    text = words["difference"].format(
        first=name_date(first, language),
        last=name_date(last, language),
        days=_count(days, "day", language),
    )
    if days >= 14:
        whole = _count(weeks, "week", language)
        text += f" ({whole}" + (f" + {_count(rest, 'day', language)})" if rest else ")")
    return text + words["working"].format(days=_count(working, "working", language))


def tell_move(day: date, span: Span, language: str) -> str:
    """Return in words which day is `span` away from `day`."""
    found = move(day, span)
    steps = [
        ("year", span.years), ("month", span.months), ("week", span.weeks), ("day", span.days),
        ("working", span.working_days),
    ]  # fmt: skip
    parts = [
        f"{'−' if count < 0 else '+'} {_count(abs(count), unit, language)}"
        for unit, count in steps
        if count
    ]
    text = " ".join([name_date(day, language), *parts, "=", name_date(found, language)]) + "."
    return text + (" " + _WORDS[language]["holidays"] if span.working_days else "")


def _count(number: int, unit: str, language: str) -> str:
    one, many = _UNITS[language][unit]
    return f"{number} {one if number == 1 else many}"


# --- the tool ------------------------------------------------------------------------------------

_OPERATIONS = ("today", "describe", "difference", "add")
_COUNTS = ("years", "months", "weeks", "days", "working_days")
_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "operation": {
            "type": "string",
            "enum": list(_OPERATIONS),
            "description": "today: which day it is. describe: weekday and ISO week of `date`."
            " difference: days from `date` to `until`, and working days, both counted."
            " add: the day that lies the given years, months, weeks, days, working_days after"
            " `date` (negative: before).",
        },
        "date": {
            "type": "string",
            "description": "2026-11-22, 22.11.2026, 22 November 2026, or today, which it is where"
            " left out.",
        },
        "until": {"type": "string", "description": "For difference: the later day."},
        **{name: {"type": "integer"} for name in _COUNTS},
        "language": {
            "type": "string",
            "enum": list(LANGUAGES),
            "description": "Of the answer, English where left out.",
        },
    },
    "required": ["operation"],
    "additionalProperties": False,
}


def make(today: Callable[[], date]) -> Tool:
    """Return the tool; `today` gives the day where the reader is."""
    return Tool(
        name="dates",
        description="Works out dates exactly: today, days between, days later, weekday, week.",
        parameters=_PARAMETERS,
        run=lambda arguments: run(arguments, today()),
    )


def run(arguments: Mapping[str, Any], today: date) -> ToolResult:
    """Return the answer to `arguments`, or what is wrong with them."""
    language = arguments.get("language") or "en"
    wrong = refuse_unknown(arguments, _PARAMETERS["properties"])
    if wrong:
        return ToolResult(wrong, is_error=True)
    if language not in LANGUAGES:
        return ToolResult(f"'language' must be one of {', '.join(LANGUAGES)}.", is_error=True)
    words = _WORDS[language]
    try:
        return ToolResult(_answer(arguments, today, language))
    except NoSuchDate as error:
        return ToolResult(words["no_such_date"].format(text=str(error)[:40]), is_error=True)
    except OverflowError:
        return ToolResult(words["overflow"], is_error=True)
    except _Wrong as error:
        return ToolResult(str(error), is_error=True)


class _Wrong(ValueError):
    """An argument is not what it must be."""


def _answer(arguments: Mapping[str, Any], today: date, language: str) -> str:
    operation = arguments.get("operation")
    if operation == "today":
        return describe(today, language)
    day = _day(arguments, "date", today)
    if operation == "describe":
        return describe(day, language)
    if operation == "difference":
        if arguments.get("until") is None:
            raise _Wrong("'until' is missing: the later day of the two.")
        return tell_difference(day, _day(arguments, "until", today), language)
    if operation == "add":
        return tell_move(day, _span(arguments), language)
    raise _Wrong(f"'operation' must be one of {', '.join(_OPERATIONS)}.")


def _day(arguments: Mapping[str, Any], name: str, today: date) -> date:
    text = arguments.get(name)
    if text is None:
        return today
    if not isinstance(text, str):
        raise _Wrong(f"'{name}' must be a date as text, such as 2026-11-22.")
    found: list[Found] = find_dates(text[:200], today)
    if len(found) != 1:
        raise _Wrong(f"'{name}' must be one date, such as 2026-11-22, not '{text[:40]}'.")
    return found[0].day


def _span(arguments: Mapping[str, Any]) -> Span:
    counts = {}
    for name in _COUNTS:
        count = arguments.get(name, 0)
        if not isinstance(count, int) or isinstance(count, bool):
            raise _Wrong(f"'{name}' must be a whole number.")
        if abs(count) > _MOST:
            raise OverflowError
        counts[name] = count
    if not any(counts.values()):
        raise _Wrong(f"Say how far: one of {', '.join(_COUNTS)}.")
    return Span(**counts)


_UNITS: dict[str, dict[str, tuple[str, str]]] = {
    "en": {"year": ("year", "years"), "month": ("month", "months"), "week": ("week", "weeks"),
           "day": ("day", "days"), "working": ("working day", "working days")},
    "fr": {"year": ("an", "ans"), "month": ("mois", "mois"), "week": ("semaine", "semaines"),
           "day": ("jour", "jours"), "working": ("jour ouvré", "jours ouvrés")},
    "de": {"year": ("Jahr", "Jahre"), "month": ("Monat", "Monate"), "week": ("Woche", "Wochen"),
           "day": ("Tag", "Tage"), "working": ("Arbeitstag", "Arbeitstage")},
    "es": {"year": ("año", "años"), "month": ("mes", "meses"), "week": ("semana", "semanas"),
           "day": ("día", "días"), "working": ("día laborable", "días laborables")},
    "it": {"year": ("anno", "anni"), "month": ("mese", "mesi"),
           "week": ("settimana", "settimane"), "day": ("giorno", "giorni"),
           "working": ("giorno lavorativo", "giorni lavorativi")},
}  # fmt: skip
_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "describe": "{day}: week {week} of {year} (ISO 8601), day {number} of the year.",
        "difference": "From {first} to {last}: {days}",
        "working": ", not counting the first day; {days}"
        ", counting both, Monday to Friday, public holidays not taken off.",
        "holidays": "Monday to Friday count, public holidays are not taken off.",
        "no_such_date": "There is no such day: {text}.",
        "overflow": "That lies outside the years 1 to 9999.",
    },
    "fr": {
        "describe": "{day} : semaine {week} de {year} (ISO 8601), jour {number} de l’année.",
        "difference": "Du {first} au {last} : {days}",
        "working": ", sans compter le premier jour ; {days}"
        ", les deux compris, du lundi au vendredi, jours fériés non déduits.",
        "holidays": "Du lundi au vendredi, jours fériés non déduits.",
        "no_such_date": "Ce jour n’existe pas : {text}.",
        "overflow": "Cela sort des années 1 à 9999.",
    },
    "de": {
        "describe": "{day}: Kalenderwoche {week} von {year} (ISO 8601), Tag {number} des Jahres.",
        "difference": "Von {first}, bis {last}: {days}",
        "working": ", den ersten Tag nicht mitgezählt; {days}"
        ", beide mitgezählt, Montag bis Freitag, Feiertage nicht abgezogen.",
        "holidays": "Gezählt wird Montag bis Freitag, Feiertage sind nicht abgezogen.",
        "no_such_date": "Diesen Tag gibt es nicht: {text}.",
        "overflow": "Das liegt außerhalb der Jahre 1 bis 9999.",
    },
    "es": {
        "describe": "{day}: semana {week} de {year} (ISO 8601), día {number} del año.",
        "difference": "Del {first} al {last}: {days}",
        "working": ", sin contar el primer día; {days}"
        ", contando los dos, de lunes a viernes, sin descontar los festivos.",
        "holidays": "Se cuentan de lunes a viernes, sin descontar los festivos.",
        "no_such_date": "Ese día no existe: {text}.",
        "overflow": "Eso queda fuera de los años 1 a 9999.",
    },
    "it": {
        "describe": "{day}: settimana {week} del {year} (ISO 8601), giorno {number} dell’anno.",
        "difference": "Da {first} a {last}: {days}",
        "working": ", senza contare il primo giorno; {days}"
        ", contandoli entrambi, da lunedì a venerdì, senza togliere i festivi.",
        "holidays": "Si contano da lunedì a venerdì, senza togliere i festivi.",
        "no_such_date": "Questo giorno non esiste: {text}.",
        "overflow": "È fuori dagli anni da 1 a 9999.",
    },
}
