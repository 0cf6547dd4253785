"""Sums in five notations and languages, exact; and everything that is no sum, with its reason."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.tools.calculator import calculate, make
from tramontane.tools.numbers import LANGUAGES, NotANumber, format_number, read_number
from tramontane.tools.sums import _EXPLAINED, CannotCalculate

NARROW = "\u202f"


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("1,234.5", "en", "1234.5"),
        ("1.234,5", "de", "1234.5"),
        ("1.234", "de", "1234"),
        ("1.234", "en", "1.234"),
        ("1,234", "fr", "1.234"),
        ("1,234", None, "1234"),
        ("1 234,5", "fr", "1234.5"),
        (f"1{NARROW}234{NARROW}567", "fr", "1234567"),
        ("1'234.50", "de", "1234.5"),
        ("1.234.567", "es", "1234567"),
        ("0.125", "it", "0.125"),
        ("3,5", "en", "3.5"),
        (",5", "it", "0.5"),
        ("1e6", None, "1000000"),
        ("2.5E-3", "en", "0.0025"),
    ],
)
def test_numbers_are_read_as_their_readers_write_them(
    text: str, language: str | None, value: str
) -> None:
    assert read_number(text, language) == Fraction(value)


@pytest.mark.parametrize("text", ["1.2.3", "1,23,4", "1.234,5.6", "1" * 61, "1e301"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        read_number(text, "de")


@given(st.decimals(-(10**12), 10**12, places=4), st.sampled_from(LANGUAGES))
def test_what_is_written_is_read_back(number: object, language: str) -> None:
    value = Fraction(str(number))
    text, is_exact = format_number(abs(value), language)
    assert is_exact
    assert read_number(text, language) == abs(value)


@pytest.mark.parametrize(
    ("text", "language", "answer"),
    [
        ("0.1 + 0.2", None, "0.1 + 0.2 = 0.3"),
        ("2 + 3 * 4", None, "2 + 3 × 4 = 14"),
        ("(2 + 3) * 4", None, "(2 + 3) × 4 = 20"),
        ("2(3+4)", None, "2 × (3 + 4) = 14"),
        ("-2^2", None, "−2^2 = -4"),
        ("2^3^2", None, "2^3^2 = 512"),
        ("17 mod 5", None, "17 mod 5 = 2"),
        ("17 % 5", None, "17 mod 5 = 2"),
        ("1/3", None, "1 ÷ 3 ≈ 0.333333333333"),
        ("√16", None, "√16 = 4"),
        ("sqrt(2)", None, "√(2) ≈ 1.41421356237"),
        ("15% of 80", None, "15% × 80 = 12"),
        ("200 + 10%", None, "200 + 10% = 220"),
        ("$19.99 * 3", "en", "$19.99 × 3 = $59.97"),
        ("10 €/3", "fr", "10 € ÷ 3 ≈ 3,33 €"),
        ("12,50 € × 3", "de", "12,50 € × 3 = 37,50 €"),
        ("12€/4€", "it", "12 € ÷ 4 € = 3"),
        ("12 fois 7 ?", "fr", "12 × 7 = 84"),
        ("racine carrée de 144", "fr", "√144 = 12"),
        ("20 Prozent von 250", "de", "20 % × 250 = 50"),
        ("12 mal 3,5", "de", "12 × 3,5 = 42"),
        ("15 % de 80", "es", "15 % × 80 = 12"),
        ("3 por 4 más 1", "es", "3 × 4 + 1 = 13"),
        ("il 20% di 50"[3:], "it", "20 % × 50 = 10"),
        ("12 diviso 4", "it", "12 ÷ 4 = 3"),
        ("1.000.000 * 2", "es", "1.000.000 × 2 = 2.000.000"),
        ("5² + 3³", None, "5^2 + 3^3 = 52"),
    ],
)
def test_sums(text: str, language: str | None, answer: str) -> None:
    assert str(calculate(text, language)) == answer


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("?", "empty"),
        ("2 +", "unfinished"),
        ("2 apples", "unexpected"),
        ("1e5x", "unexpected"),
        ("__import__('os')", "unexpected"),
        ("1.2.3", "number"),
        ("1/0", "zero"),
        ("5 mod 0", "zero"),
        ("0^-1", "zero"),
        ("√(0-4)", "root"),
        ("(0-8)^(1/3)", "root"),
        ("12 € + 3 $", "units"),
        ("12 € * 3 €", "units"),
        ("3 / 12 €", "units"),
        ("9^9^9^9", "too_large"),
        ("2^100000", "too_large"),
        ("9.5^(10^40)", "too_large"),
        ("2^(10^20 + 1/3)", "too_large"),
        ("(" * 60 + "1", "too_deep"),
        ("-" * 200 + "1", "too_deep"),
        ("1+" * 300 + "1", "too_long"),
    ],
)
def test_what_is_no_sum_is_refused_with_its_reason(text: str, problem: str) -> None:
    with pytest.raises(CannotCalculate) as refused:
        calculate(text)
    assert refused.value.problem == problem


@given(st.text("0123456789.,+-*/^%()√€ ²modef", max_size=60), st.sampled_from(LANGUAGES))
def test_nothing_else_comes_of_any_text(text: str, language: str) -> None:
    try:
        calculate(text, language)
    except CannotCalculate as error:
        assert error.explain(language)


@given(st.integers(-999, 999), st.integers(1, 999), st.integers(0, 99), st.sampled_from("+-*"))
def test_it_agrees_with_fractions(a: int, b: int, c: int, sign: str) -> None:
    whole = {"+": Fraction(a, b) + c, "-": Fraction(a, b) - c, "*": Fraction(a, b) * c}[sign]
    assert calculate(f"({a}) / {b} {sign} {c}").value == whole


def test_every_reason_is_worded_in_every_language() -> None:
    assert set(_EXPLAINED) == set(LANGUAGES)
    assert len({frozenset(words) for words in _EXPLAINED.values()}) == 1


def test_the_tool_answers_and_refuses_in_words() -> None:
    tool = make()
    assert tool.run({"expression": "12 * 12"}).text == "12 × 12 = 144"
    for arguments in (
        {},
        {"expression": 5},
        {"expression": "1/0"},
        {"expression": "1", "language": "nl"},
        {"expression": "1", "eval": "x"},
    ):
        refused = tool.run(arguments)
        assert refused.is_error and refused.text
