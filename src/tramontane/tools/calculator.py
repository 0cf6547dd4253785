"""Exact arithmetic: + − × ÷ ^ %, mod, parentheses, roots, percentages, amounts of money.

Sums are read by a grammar of its own, in figures and in the words of five languages, and worked
out in fractions, so nothing is rounded before the end; what is rounded then is said to be. Money
keeps its unit and is never converted. It does not know what the numbers mean.
"""

from collections.abc import Mapping
from decimal import Context, Decimal, DecimalException
from fractions import Fraction
from math import isqrt
from typing import Any

import msgspec

from tramontane.tools import numbers
from tramontane.tools.sums import CannotCalculate, Token, tokens_of
from tramontane.tools.tool import Tool, ToolResult, refuse_unknown

MOST_BITS = 1_660  # about 500 digits
MOST_DEPTH = 40
MOST_CHARACTERS = 500
_ROOT = Context(prec=40)

_SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷", "mod": "mod", "of": "×"}


class Calculation(msgspec.Struct, frozen=True, kw_only=True):
    """A sum as it was understood, and its answer in the reader's notation.

    `value` is the answer itself; where not `is_exact`, it or what is shown of it is rounded.
    """

    read: str
    answer: str
    value: Fraction
    unit: str | None
    is_exact: bool

    def __str__(self) -> str:
        """Return the sum with its answer."""
        return f"{self.read} {'=' if self.is_exact else '≈'} {self.answer}"


class _Value(msgspec.Struct, frozen=True):
    number: Fraction
    shown: str
    unit: str | None = None
    is_exact: bool = True
    is_percent: bool = False


def calculate(text: str, language: str | None = None) -> Calculation:
    """Return what the sum in `text` comes to. Raises CannotCalculate.

    `language` decides how numbers such as 1.234 are read and how the answer is written.

    >>> str(calculate("15% of 80")), str(calculate("(2 + 3) * 4")), str(calculate("10 / 4", "de"))
    ('15% × 80 = 12', '(2 + 3) × 4 = 20', '10 ÷ 4 = 2,5')
    """
    if len(text) > MOST_CHARACTERS:
        raise CannotCalculate("too_long")
    tokens = tokens_of(text)
    if not tokens:
        raise CannotCalculate("empty")
    value = _Reader(tokens, language).whole()
    form = numbers.format_number if value.unit is None else numbers.format_money
    answer, is_whole = form(value.number, language)
    if value.unit is not None:
        answer = _with_unit(answer, value.unit, language)
    return Calculation(
        read=value.shown,
        answer=answer,
        value=value.number,
        unit=value.unit,
        is_exact=value.is_exact and is_whole,
    )


class _Reader:
    """Reads tokens by precedence; each rule is a method."""

    def __init__(self, tokens: list[Token], language: str | None) -> None:
        self._tokens = tokens
        self._language = language
        self._at = 0
        self._depth = 0

    def whole(self) -> _Value:
        value = self._sum()
        if self._at < len(self._tokens):
            raise CannotCalculate("unexpected", self._tokens[self._at].text)
        return value

    def _sum(self) -> _Value:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise CannotCalculate("too_deep")
        value = self._product()
        while (sign := self._take("+", "-")) is not None:
            value = _add(value, self._product(), sign)
        self._depth -= 1
        return value

    def _product(self) -> _Value:
        value = self._signed()
        while True:
            sign = self._take("*", "/", "mod", "of")
            if sign is None and self._peek("("):
                sign = "*"
            if sign is None:
                return value
            value = _multiply(value, self._signed(), sign)

    def _signed(self) -> _Value:
        sign = self._take("-", "+")
        if sign is None:
            return self._power()
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise CannotCalculate("too_deep")
        value = self._signed()
        self._depth -= 1
        if sign == "+":
            return value
        return msgspec.structs.replace(value, number=-value.number, shown=f"−{value.shown}")

    def _power(self) -> _Value:
        value = self._after()
        if self._take("^") is None:
            return value
        return _raise(value, self._signed())

    def _after(self) -> _Value:
        value = self._first()
        while (mark := self._take("%", "²", "³")) is not None:
            if mark == "%":
                if value.unit is not None:
                    raise CannotCalculate("units")
                shown = f"{value.shown}{'%' if self._language in (None, 'en') else ' %'}"
                number = value.number / 100
                value = _Value(number, shown, None, value.is_exact, is_percent=True)
            else:
                power = Fraction(2 if mark == "²" else 3)
                value = _raise(value, _Value(power, str(power)))
        return value

    def _first(self) -> _Value:
        if self._take("(") is not None:
            value = self._sum()
            if self._take(")") is None and self._at < len(self._tokens):
                raise CannotCalculate("unexpected", self._tokens[self._at].text)
            return msgspec.structs.replace(value, shown=f"({value.shown})", is_percent=False)
        if self._take("√") is not None:
            return _root(self._after())
        unit = self._unit()
        token = self._next()
        if token.kind != "number":
            raise CannotCalculate("unexpected", token.text)
        try:
            number = numbers.read_number(token.text, self._language)
        except numbers.NotANumber:
            raise CannotCalculate("number", token.text) from None
        unit = unit or self._unit()
        if unit is None:
            return _Value(number, numbers.format_number(number, self._language)[0])
        shown, is_whole = numbers.format_money(number, self._language)
        if not is_whole:
            shown, _ = numbers.format_number(number, self._language)
        return _Value(number, _with_unit(shown, unit, self._language), unit)

    def _unit(self) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at].kind == "unit":
            return self._next().text
        return None

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise CannotCalculate("unfinished")
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self, *texts: str) -> bool:
        if self._at >= len(self._tokens):
            return False
        token = self._tokens[self._at]
        return token.kind == "sign" and token.text in texts

    def _take(self, *texts: str) -> str | None:
        return self._next().text if self._peek(*texts) else None


def _add(left: _Value, right: _Value, sign: str) -> _Value:
    """Return left ± right; adding a percentage to an amount means that share of the amount."""
    shown = f"{left.shown} {_SIGNS[sign]} {right.shown}"
    is_exact = left.is_exact and right.is_exact
    factor = 1 if sign == "+" else -1
    if right.is_percent and not left.is_percent:
        number = left.number * (1 + factor * right.number)
        return _checked(number, shown, left.unit, is_exact=is_exact)
    if left.unit and right.unit and left.unit != right.unit:
        raise CannotCalculate("units")
    number = left.number + factor * right.number
    return _checked(number, shown, left.unit or right.unit, is_exact=is_exact)


def _multiply(left: _Value, right: _Value, sign: str) -> _Value:
    shown = f"{left.shown} {_SIGNS[sign]} {right.shown}"
    is_exact = left.is_exact and right.is_exact
    unit = left.unit or right.unit
    if sign in ("*", "of"):
        if left.unit and right.unit:
            raise CannotCalculate("units")
        return _checked(left.number * right.number, shown, unit, is_exact=is_exact)
    if right.number == 0:
        raise CannotCalculate("zero")
    if right.unit and left.unit != right.unit:
        raise CannotCalculate("units")
    if sign == "mod":
        return _checked(left.number % right.number, shown, left.unit, is_exact=is_exact)
    unit = None if right.unit else left.unit
    return _checked(left.number / right.number, shown, unit, is_exact=is_exact)


def _raise(base: _Value, power: _Value) -> _Value:
    shown = f"{base.shown}^{power.shown}"
    if base.unit or power.unit:
        raise CannotCalculate("units")
    if base.number == 0 and power.number < 0:
        raise CannotCalculate("zero")
    is_exact = base.is_exact and power.is_exact
    if power.number.denominator == 1:
        exponent = power.number.numerator
        top, bottom = base.number.numerator, base.number.denominator
        if max(abs(top), bottom).bit_length() * abs(exponent) > 2 * MOST_BITS and not (
            abs(top) <= 1 and bottom == 1
        ):
            raise CannotCalculate("too_large")
        if abs(top) <= 1 and bottom == 1:
            exponent = exponent % 2 if top else min(exponent, 1)
        return _checked(base.number**exponent, shown, None, is_exact=is_exact)
    if power.number == Fraction(1, 2):
        return msgspec.structs.replace(_root(base), shown=shown)
    if base.number < 0:
        raise CannotCalculate("root")
    try:
        raised = _ROOT.power(_decimal(base.number), _decimal(power.number))
    except DecimalException:
        raise CannotCalculate("too_large") from None
    return _checked(_fraction(raised), shown, None, is_exact=False)


def _root(value: _Value) -> _Value:
    if value.unit:
        raise CannotCalculate("units")
    if value.number < 0:
        raise CannotCalculate("root")
    shown = f"√{value.shown}"
    top, bottom = isqrt(value.number.numerator), isqrt(value.number.denominator)
    number = Fraction(top, bottom)
    if number * number == value.number:
        return _Value(number, shown, None, value.is_exact)
    return _checked(_fraction(_ROOT.sqrt(_decimal(value.number))), shown, None, is_exact=False)


def _decimal(number: Fraction) -> Decimal:
    return _ROOT.divide(Decimal(number.numerator), Decimal(number.denominator))


def _fraction(number: Decimal) -> Fraction:
    if not number.is_finite() or abs(number.adjusted()) > 500:
        raise CannotCalculate("too_large")
    return Fraction(number)


def _checked(number: Fraction, shown: str, unit: str | None, *, is_exact: bool) -> _Value:
    if max(abs(number.numerator).bit_length(), number.denominator.bit_length()) > MOST_BITS:
        raise CannotCalculate("too_large")
    return _Value(number, shown, unit, is_exact)


def _with_unit(shown: str, unit: str, language: str | None) -> str:
    if len(unit) > 1 or language not in (None, "en"):
        return f"{shown} {unit}"
    return f"-{unit}{shown[1:]}" if shown.startswith("-") else f"{unit}{shown}"


# --- the tool ------------------------------------------------------------------------------------

_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "expression": {
            "type": "string",
            "description": "The sum, such as (12.5 + 3) * 4, 15% of 80, sqrt(2), 2^10, 17 mod 5,"
            " 19.90 € * 3.",
        },
        "language": {
            "type": "string",
            "enum": list(numbers.LANGUAGES),
            "description": "Whose notation the numbers are in, English where left out.",
        },
    },
    "required": ["expression"],
    "additionalProperties": False,
}


def make() -> Tool:
    """Return the tool."""
    return Tool(
        name="calculator",
        description="Works out a sum exactly. Use it for every calculation.",
        parameters=_PARAMETERS,
        run=run,
    )


def run(arguments: Mapping[str, Any]) -> ToolResult:
    """Return the answer to the sum in `arguments`, or what is wrong with it."""
    wrong = refuse_unknown(arguments, _PARAMETERS["properties"])
    expression, language = arguments.get("expression"), arguments.get("language")
    if wrong:
        return ToolResult(wrong, is_error=True)
    if not isinstance(expression, str):
        return ToolResult("'expression' must be a sum, as text.", is_error=True)
    if language is not None and language not in numbers.LANGUAGES:
        return ToolResult(f"'language' must be one of {', '.join(numbers.LANGUAGES)}.", True)
    try:
        return ToolResult(str(calculate(expression, language)))
    except CannotCalculate as error:
        return ToolResult(error.explain(language or "en"), is_error=True)
