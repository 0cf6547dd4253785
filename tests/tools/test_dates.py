"""Dates in the spellings of five languages, and what can be worked out from them, exactly."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.tools.calendar import MONTHS, NoSuchDate, find_dates, name_date
from tramontane.tools.dates import _UNITS, _WORDS, Span, days_between, make, move, tell_difference
from tramontane.tools.numbers import LANGUAGES

TODAY = date(2026, 11, 22)  # a Sunday
TOOL = make(lambda: TODAY)
DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-02", date(2026, 3, 2)),
        ("02.03.2026", date(2026, 3, 2)),
        ("2/3/2026", date(2026, 3, 2)),
        ("12/25/2026", date(2026, 12, 25)),
        ("le 1er mai 2027", date(2027, 5, 1)),
        ("am 3. März 2027", date(2027, 3, 3)),
        ("22 de noviembre de 2026", date(2026, 11, 22)),
        ("l'8 settembre 2026", date(2026, 9, 8)),
        ("November 22nd, 2026", date(2026, 11, 22)),
        ("the 3rd of May 2027", date(2027, 5, 3)),
        ("3 mars", date(2027, 3, 3)),
        ("25 Dez.", date(2026, 12, 25)),
        ("29 February", date(2028, 2, 29)),
        ("heute", TODAY),
        ("demain", date(2026, 11, 23)),
        ("pasado mañana", date(2026, 11, 24)),
        ("ieri", date(2026, 11, 21)),
        ("Weihnachten", date(2026, 12, 25)),
    ],
)
def test_dates_are_found(text: str, day: date) -> None:
    assert [found.day for found in find_dates(text, TODAY)] == [day]


@pytest.mark.parametrize(
    "text",
    [
        "Arbeitstage zwischen 1. und 24. März 2026",
        "zwischen dem 1. und dem 24. März 2026",
        "vom 1. bis zum 24. März 2026",
        "1.-24. März 2026",
        "1. bis 24.3.2026",
        "1.3. bis 24.3.2026",
        "from 1 to 24 March 2026",
        "between the 1st and the 24th of March 2026",
        "between March 1 and 24, 2026",
        "from March 1 to March 24, 2026?",
        "1 March to 24 March 2026",
        "entre le 1er et le 24 mars 2026",
        "du 1er mars au 24 mars 2026",
        "del 1 al 24 de marzo de 2026",
        "entre el 1 y el 24 de marzo de 2026",
        "tra il 1° e il 24 marzo 2026",
        "dal 1 al 24 marzo 2026",
    ],
)
def test_the_ends_of_a_span_share_month_and_year(text: str) -> None:
    found = [found.day for found in find_dates(text, TODAY)]
    assert found == [date(2026, 3, 1), date(2026, 3, 24)]


def test_a_span_over_new_year_begins_in_the_year_before() -> None:
    found = find_dates("vom 20. Dezember bis 5. Januar 2026", TODAY)
    assert [one.day for one in found] == [date(2025, 12, 20), date(2026, 1, 5)]
    with pytest.raises(NoSuchDate):
        find_dates("between 31 and 30 November 2026", TODAY)


@pytest.mark.parametrize("text", ["", "3.5 %", "version 1.2.3", "call 112", "12:30"])
def test_no_date_is_found_where_none_is(text: str) -> None:
    assert find_dates(text, TODAY) == []


@pytest.mark.parametrize("text", ["2026-02-30", "31.4.2026", "32 mars 2026", "30 février"])
def test_a_day_that_does_not_exist_is_said_to(text: str) -> None:
    with pytest.raises(NoSuchDate):
        find_dates(text, TODAY)


@given(DAYS, st.sampled_from(LANGUAGES))
def test_a_day_written_in_words_is_read_back(day: date, language: str) -> None:
    assert [found.day for found in find_dates(name_date(day, language), TODAY)] == [day]


@given(DAYS, st.integers(0, 900))
def test_days_between_agree_with_counting(first: date, count: int) -> None:
    last = first + timedelta(count)
    working = sum((first + timedelta(i)).weekday() < 5 for i in range(1, count + 1))
    assert days_between(first, last) == (count, working)
    assert days_between(last, first) == (-count, -working)


@given(DAYS, st.integers(-300, 300))
def test_working_days_agree_with_counting(day: date, count: int) -> None:
    found, left = day, abs(count)
    while left:
        found += timedelta(1 if count > 0 else -1)
        left -= found.weekday() < 5
    assert move(day, Span(working_days=count)) == found


def test_months_keep_to_the_end_of_a_month() -> None:
    assert move(date(2027, 1, 31), Span(months=1)) == date(2027, 2, 28)
    assert move(date(2028, 2, 29), Span(years=1)) == date(2029, 2, 28)
    assert move(date(2026, 12, 31), Span(months=-13)) == date(2025, 11, 30)
    assert move(date(9999, 11, 30), Span(months=1)) == date(9999, 12, 30)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"operation": "today"},
            "Sunday 22 November 2026: week 47 of 2026 (ISO 8601), day 326 of the year.",
        ),
        (
            {"operation": "describe", "date": "1.1.2027", "language": "fr"},
            "vendredi 1er janvier 2027 : semaine 53 de 2026 (ISO 8601), jour 1 de l’année.",
        ),
        (
            {"operation": "difference", "until": "25 December", "language": "de"},
            (
                "Von Sonntag, 22. November 2026, bis Freitag, 25. Dezember 2026: 33 Tage"
                " (4 Wochen + 5 Tage), den ersten Tag nicht mitgezählt; 25 Arbeitstage, beide"
                " mitgezählt, Montag bis Freitag, Feiertage nicht abgezogen."
            ),
        ),
        (
            {"operation": "add", "date": "2026-11-20", "working_days": 1, "language": "it"},
            (
                "venerdì 20 novembre 2026 + 1 giorno lavorativo = lunedì 23 novembre 2026."
                " Si contano da lunedì a venerdì, senza togliere i festivi."
            ),
        ),
        (
            {"operation": "add", "months": 1, "days": -1, "language": "es"},
            "domingo 22 de noviembre de 2026 + 1 mes − 1 día = lunes 21 de diciembre de 2026.",
        ),
    ],
)
def test_answers(arguments: dict[str, Any], text: str) -> None:
    result = TOOL.run(arguments)
    assert result.text == text
    assert not result.is_error


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "18 working days, counting both,"),
        ("fr", "18 jours ouvrés, les deux compris,"),
        ("de", "18 Arbeitstage, beide mitgezählt,"),
        ("es", "18 días laborables, contando los dos,"),
        ("it", "18 giorni lavorativi, contandoli entrambi,"),
    ],
)
def test_working_days_count_the_first_and_the_last(language: str, text: str) -> None:
    first, last = date(2026, 12, 1), date(2026, 12, 24)  # a Tuesday and a Thursday
    for told in (tell_difference(first, last, language), tell_difference(last, first, language)):
        assert text in told
        assert name_date(first, language) in told.partition(name_date(last, language))[0]


@given(DAYS, st.integers(0, 60))
def test_working_days_told_agree_with_counting(first: date, count: int) -> None:
    last = first + timedelta(count)
    working = sum((first + timedelta(i)).weekday() < 5 for i in range(count + 1))
    assert f" {working} working day" in tell_difference(first, last, "en")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"operation": "guess"},
        {"operation": "describe", "date": 20261122},
        {"operation": "describe", "date": "soon"},
        {"operation": "describe", "date": "1.1.2026 and 2.1.2026"},
        {"operation": "describe", "date": "2026-02-30"},
        {"operation": "difference"},
        {"operation": "add"},
        {"operation": "add", "days": "3"},
        {"operation": "add", "days": True},
        {"operation": "add", "days": 10**12},
        {"operation": "add", "days": 3_900_000},
        {"operation": "add", "years": 9_000},
        {"operation": "today", "language": "nl"},
        {"operation": "today", "zone": "UTC"},
    ],
)
def test_wrong_arguments_are_explained(arguments: dict[str, Any]) -> None:
    result = TOOL.run(arguments)
    assert result.is_error and result.text


def test_every_language_has_every_word() -> None:
    for words in (_UNITS, _WORDS, MONTHS):
        assert set(words) == set(LANGUAGES)
    assert len({frozenset(words) for words in _WORDS.values()}) == 1
