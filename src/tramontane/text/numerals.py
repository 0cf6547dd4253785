"""Numbers in running text, as five languages write them: 1 234,5 · 1.234,5 · 1,234.5 · 1'234.5.

A number that two notations read differently ("1.234") has both values. A value keeps in its
exponent how finely it was told: "1.2 million" is Decimal("1.2E+6"). It does not know what is
counted, nor numbers that are words alone ("three").
"""

import re
from decimal import Decimal

import msgspec

_BLANK = "[ \u00a0\u2007\u2009\u202f]"
_SCALES: tuple[tuple[str, dict[str | None, int]], ...] = (
    (r"mil(?:\s+millones)", {None: 9}),
    (r"millions?|millionen|mio\.?|mln\.?|millón|millones|milion[ei]|mill\.", {None: 6}),
    (r"milliards?|milliarden?|mrd\.?|mds?\b\.?|mld\.?|miliard[io]|bn|bln", {None: 9}),
    (r"billions?", {"en": 9, "fr": 12, None: 9}),
    (r"billionen|billón|billones|bilion[ei]", {None: 12}),
    (r"thousands?|tausend|tsd\.?|milliers?|mille|mila|mil|miles", {None: 3}),
    (r"trillions?", {"en": 12, "fr": 18, None: 12}),
)
_ATTACHED = {"k": 3, "K": 3, "M": 6, "G": 9}
_SCALE = re.compile(
    rf"(?:{_BLANK}|(?<=\d))(?:d['’])?(?P<word>"
    + "|".join(f"(?P<s{i}>{words})" for i, (words, _) in enumerate(_SCALES))
    + r")(?![\w])",
    re.IGNORECASE,
)
_LETTER = re.compile(
    rf"{_BLANK}?(?P<letter>[kKMG])(?=[€$£]|{_BLANK}?(?:€|\$|£|EUR|USD)|(?![\w²³/]))"
)
_PERCENT = re.compile(
    rf"{_BLANK}?(?:%|percent\b|per cent\b|pour ?cents?\b|prozent\b|por ciento\b|per cento\b)", re.I
)
_NUMBER = re.compile(
    rf"(?<![\w.,])(?P<sign>(?<![^\s(\[„“\"«:=])[-−+](?:{_BLANK}?[€$£])?)?(?P<digits>"
    rf"\d{{1,3}}(?:{_BLANK}\d{{3}})+(?!\d)(?:[.,]\d+(?![.,]?\d))?"
    r"|\d{1,3}(?:['’]\d{3})+(?!\d)(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)*)"
)


class Numeral(msgspec.Struct, frozen=True):
    """A number in a text, from `start` to `end` (code points), its scale and per cent included.

    `values`: every value that it may mean, the likeliest first. `decimals`: digits after the mark
    of the first one.
    """

    start: int
    end: int
    values: tuple[Decimal, ...]
    decimals: int
    is_percent: bool = False


def numerals(text: str, language: str | None = None) -> list[Numeral]:
    """Return the numbers in `text` in their order; `language` decides what is likeliest.

    >>> [n.values for n in numerals("1 234,5 et 1.234", "fr")]
    [(Decimal('1234.5'),), (Decimal('1234'), Decimal('1.234'))]
    """
    found: list[Numeral] = []
    for match in _NUMBER.finditer(text):
        values = _values(match["digits"], language)
        if values:
            found.append(_read(match, values, language))
        else:  # no notation: "1,2,3" is a list
            start = match.start("digits")
            found += [
                Numeral(start + m.start(), start + m.end(), (Decimal(m.group()),), 0)
                for m in re.finditer(r"\d+", match["digits"])
            ]
    return found


def _read(match: re.Match[str], values: list[Decimal], language: str | None) -> Numeral:
    text, end = match.string, match.end()
    if match["sign"] and match["sign"][0] in "-−":
        values = [-value for value in values]
    decimals = max(0, -_exponent(values[0]))
    if (scale := _SCALE.match(text, end)) is not None:
        kind = next(i for i in range(len(_SCALES)) if scale[f"s{i}"])
        powers = _SCALES[kind][1]
        first = powers.get(language, powers[None])
        every = [first, *(power for power in dict.fromkeys(powers.values()) if power != first)]
        values = [value.scaleb(power) for power in every for value in values]
        end = scale.end()
    elif (letter := _LETTER.match(text, end)) is not None:
        values = [value.scaleb(_ATTACHED[letter["letter"]]) for value in values]
        end = letter.end()
    percent = _PERCENT.match(text, end)
    if percent is not None:
        end = percent.end()
    return Numeral(match.start(), end, tuple(values), decimals, percent is not None)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # it was made of digits
    return exponent


def _values(digits: str, language: str | None) -> list[Decimal]:
    """Return what the digits may mean, the likeliest first; none where no notation has them."""
    plain = re.sub(rf"{_BLANK}|['’]", "", digits)
    is_grouped = plain != digits
    points, commas = plain.count("."), plain.count(",")
    if not points and not commas:
        return [Decimal(plain)]
    if points and commas:
        mark = max(".,", key=plain.rfind)
        group = "," if mark == "." else "."
        whole, _, fraction = plain.rpartition(mark)
        if plain.count(mark) > 1 or not re.fullmatch(rf"\d{{1,3}}(?:\{group}\d{{3}})+", whole):
            return []
        return [Decimal(f"{whole.replace(group, '')}.{fraction}")]
    mark = "." if points else ","
    as_groups = Decimal(plain.replace(mark, ""))
    if points + commas > 1:
        may_group = re.fullmatch(rf"\d{{1,3}}(?:\{mark}\d{{3}})+", plain) and not is_grouped
        return [as_groups] if may_group else []
    whole, _, fraction = plain.partition(mark)
    as_decimals = Decimal(f"{whole}.{fraction}")
    if len(fraction) != 3 or not 1 <= len(whole) <= 3 or whole[0] == "0" or is_grouped:
        return [as_decimals]
    if mark == ("," if language in (None, "en") else "."):
        return [as_groups, as_decimals]
    return [as_decimals, as_groups]
