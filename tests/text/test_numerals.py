"""Numbers in running text, in five notations."""

from decimal import Decimal

import pytest

from tramontane.text.numerals import numerals


@pytest.mark.parametrize(
    ("text", "language", "values"),
    [
        ("1 234,5", "fr", ["1234.5"]),
        ("1\u202f234\u202f567", "fr", ["1234567"]),
        ("1.234,5", "de", ["1234.5"]),
        ("1,234.5", "en", ["1234.5"]),
        ("1'234.50", "de", ["1234.50"]),
        ("1.234", "de", ["1234", "1.234"]),
        ("1.234", "en", ["1.234", "1234"]),
        ("1,234", "en", ["1234", "1.234"]),
        ("1,234", "it", ["1.234", "1234"]),
        ("0.123", "de", ["0.123"]),
        ("12.3456", None, ["12.3456"]),
        ("1.234.567", "es", ["1234567"]),
        ("1,234,567.89", None, ["1234567.89"]),
        ("-5", "en", ["-5"]),
        ("(−3,5)", "de", ["-3.5"]),
        ("3,4 Mio. Euro", "de", ["3.4E+6"]),
        ("1.2 million", "en", ["1.2E+6"]),
        ("2,5 milliards", "fr", ["2.5E+9"]),
        ("3 mil millones", "es", ["3E+9"]),
        ("2 billion", "en", ["2E+9", "2E+12"]),
        ("2 billions", "fr", ["2E+12", "2E+9"]),
        ("$3M", "en", ["3E+6"]),
        ("12k", "en", ["1.2E+4"]),
        ("5 m", "en", ["5"]),
    ],
)
def test_values(text: str, language: str | None, values: list[str]) -> None:
    (found,) = numerals(text, language)
    assert [str(value) for value in found.values] == [str(Decimal(v)) for v in values]


def test_a_number_says_where_it_stands_and_how_finely_it_was_told() -> None:
    (found,) = numerals("von 12,50 % auf", "de")
    assert (found.start, found.end, found.decimals, found.is_percent) == (4, 11, 2, True)
    (found,) = numerals("etwa 3,4 Mio.", "de")
    assert found.values[0].as_tuple().exponent == 5


def test_ranges_lists_and_names() -> None:
    assert [n.values[0] for n in numerals("10-20 und 30–40")] == [10, 20, 30, 40]
    assert [n.values[0] for n in numerals("1,2,3")] == [1, 2, 3]
    assert numerals("H2O, Q3, B52") == []


def test_long_rows_of_figures_are_read_in_time() -> None:
    assert len(numerals("1,2" * 20_000)) > 0
    assert len(numerals("9" * 50_000)) == 1
