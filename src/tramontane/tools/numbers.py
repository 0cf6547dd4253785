"""Numbers as people of five languages write them: 1 234,5 · 1.234,5 · 1,234.5 · 1'234.5.

It does not know what is calculated with them.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

LANGUAGES = ("en", "fr", "de", "es", "it")
MOST_DIGITS = 60
MOST_POWER = 300
SHOWN_DECIMALS = 30
SHOWN_SIGNIFICANT = 12

NUMBER = re.compile(
    r"\d{1,3}(?:[ \u00a0\u2009\u202f'’]\d{3})+(?!\d)(?:[.,]\d+)?"
    r"|(?:\d+(?:[.,]\d+)*|[.,]\d+)(?:[eE][+-]?\d{1,3}(?!\w))?"
)
"""A number, without its sign."""

_GROUPS = re.compile(r"[ \u00a0\u2009\u202f'’]")
_THREES = re.compile(r"\d{1,3}(?:[.,]\d{3})+")


class NotANumber(ValueError):
    """The digits and separators make no number, or too long a one."""


def read_number(text: str, language: str | None = None) -> Fraction:
    """Return the value of what `NUMBER` matched. Raises NotANumber.

    A point or comma before exactly three digits is ambiguous; `language` decides, English where
    None.

    >>> read_number("1.234", "de"), read_number("1.234", "en"), read_number("1 234,5", "fr")
    (Fraction(1234, 1), Fraction(617, 500), Fraction(2469, 2))
    """
    if sum(c.isdigit() for c in text) > MOST_DIGITS:
        raise NotANumber(f"numbers of more than {MOST_DIGITS} digits are not read")
    text, _, power = text.lower().partition("e")
    if power and abs(int(power)) > MOST_POWER:
        raise NotANumber(f"powers of ten beyond {MOST_POWER} are not read")
    is_grouped = _GROUPS.search(text) is not None
    plain = _GROUPS.sub("", text)
    points, commas = plain.count("."), plain.count(",")
    if points and commas:
        decimal = max(".,", key=plain.rfind)
    elif points + commas > 1:
        decimal = None
    elif points + commas == 1:
        decimal = _lone_separator(plain, language, is_grouped=is_grouped)
    else:
        decimal = None
    whole, _, fraction = plain.rpartition(decimal) if decimal else (plain, "", "")
    if (points or commas) and re.search(r"[.,]", whole) and not _THREES.fullmatch(whole):
        raise NotANumber(f"'{text}' is no number")
    digits = re.sub(r"[.,]", "", whole)
    value = Fraction(int((digits + fraction) or "0"), 10 ** len(fraction))
    return value * Fraction(10) ** int(power) if power else value


def _lone_separator(plain: str, language: str | None, *, is_grouped: bool) -> str | None:
    """Return the one separator of `plain` where it stands before decimals, None where it groups."""
    separator = "." if "." in plain else ","
    before, _, after = plain.partition(separator)
    may_group = len(after) == 3 and 1 <= len(before) <= 3 and before != "0" and not is_grouped
    if not may_group:
        return separator
    groups = "," if language in (None, "en") else "."
    return None if separator == groups else separator


def format_number(value: Fraction, language: str | None = None) -> tuple[str, bool]:
    """Return `value` in the notation of `language` (digits alone where None), and whether exactly.

    What has no end in decimals is rounded to 12 significant digits.
    """
    decimals = _decimals_needed(value.denominator)
    if decimals is not None and decimals <= SHOWN_DECIMALS:
        scaled = abs(value.numerator) * 10**decimals // value.denominator
        return _grouped(value < 0, scaled, decimals, language), True
    context = Context(prec=SHOWN_SIGNIFICANT, rounding=ROUND_HALF_EVEN)
    rounded = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    parts = rounded.normalize(context).as_tuple()
    assert isinstance(parts.exponent, int)
    digits = int("".join(map(str, parts.digits)))
    decimals = max(0, -parts.exponent)
    return _grouped(value < 0, digits * 10 ** max(0, parts.exponent), decimals, language), False


def format_money(value: Fraction, language: str | None = None) -> tuple[str, bool]:
    """Return an amount with two decimals, more where it is exact only so."""
    decimals = _decimals_needed(value.denominator)
    if decimals is not None and 2 < decimals <= 6:
        return format_number(value, language)
    cents = round(value * 100)
    if cents % 100 == 0 and value * 100 == cents:
        return _grouped(value < 0, abs(cents) // 100, 0, language), True
    return _grouped(value < 0, abs(cents), 2, language), cents == value * 100


def _decimals_needed(denominator: int) -> int | None:
    """Return how many decimals 1/denominator has; None where they never end."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator //= 2
        twos += 1
    while denominator % 5 == 0:
        denominator //= 5
        fives += 1
    return max(twos, fives) if denominator == 1 else None


def _grouped(is_negative: bool, scaled: int, decimals: int, language: str | None) -> str:
    digits = str(scaled).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    group, point = {
        None: ("", "."),
        "en": (",", "."),
        "fr": ("\u202f", ","),
    }.get(language, (".", ","))
    if group and not (language == "es" and len(whole) == 4):
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", group, whole)
    sign = "-" if is_negative else ""
    return f"{sign}{whole}{point}{fraction}" if fraction else f"{sign}{whole}"
