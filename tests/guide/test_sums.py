"""Questions about dates, as people put them, from the words to the answer."""

from datetime import date

import pytest

from tramontane.guide.sums import answer_date

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("language", "question", "first", "count"),
    [
        ("de", "Arbeitstage zwischen 1. und 24. Dezember 2026", "1. Dezember 2026", "18 A"),
        ("en", "How many working days from 1 to 24 December 2026?", "1 December 2026", "18 w"),
        ("en", "Working days between March 1 and 24, 2026?", "1 March 2026", "17 w"),
        ("fr", "Combien de jours ouvrés entre le 1er et le 24 décembre ?", "1er décembre", "18 j"),
        ("es", "¿Cuántos días laborables entre el 1 y el 24 de diciembre?", "1 de dic", "18 d"),
        ("it", "Quanti giorni lavorativi tra il 1° e il 24 dicembre 2026?", "1 dicembre", "18 g"),
    ],
)
def test_working_days_of_a_span_count_both_its_ends(
    language: str, question: str, first: str, count: str
) -> None:
    told = answer_date(question, language, TODAY)
    assert told is not None
    assert first in told and count in told
