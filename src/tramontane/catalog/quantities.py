"""Numbers as people write them: 32k tokens, 7B parameters, 1 € a million tokens.

Every reader raises InvalidRequest, naming the parameter and how to write it.
"""

import re
from decimal import Decimal
from math import gcd

from tramontane.catalog.prices import Exchange, Mix
from tramontane.errors import InvalidRequest
from tramontane.money import NANO, parse_nano

MOST_PARTS = 1_000
MOST_PRICE = 10_000
"""A million tokens, in whole units of money: beyond it, comparing would leave 64 bits."""

_COUNT = re.compile(r"([0-9]{1,15}(?:[.,][0-9]{1,6})?)\s*([kmbtg]?)", re.ASCII | re.IGNORECASE)
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[,_ ' ][0-9]{3})+")
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "zł": "PLN", "₹": "INR"}
_PRICE = re.compile(
    r"(?P<before>[€$£¥₹]|zł|[A-Za-z]{3})?\s*(?P<number>[0-9]+(?:[.,][0-9]+)?)"
    r"\s*(?P<after>[€$£¥₹]|zł|[A-Za-z]{3})?"
)


def context_tokens(text: str, param: str, *, at_most: bool = False) -> int:
    """Return tokens for 32000, 32k or 1M.

    Half of all models that are called 32k take 32,000 and half 32,768: "at least 32k" asks for the
    smaller, "at most 32k" lets the larger through.
    """
    unit = 1024 if at_most else 1000
    return _count(text, param, {"": 1, "k": unit, "m": unit**2}, "32000, 32k or 1M")


def parameters(text: str, param: str) -> int:
    """Return a number of parameters for 7B, 350M, 1.5b, 1T or digits alone."""
    units = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
    return _count(text, param, units, "7B, 350M or 1T")


def price_nano(text: str, param: str, exchange: Exchange) -> int:
    """Return nano-units of the platform's currency for 1, 0.50, "1 €", "$2" or "3 CHF"."""
    found = _PRICE.fullmatch(text.strip())
    if found is None or (found["before"] and found["after"]):
        raise InvalidRequest(
            f"{param}: {text[:40]!r} is no price; write it per million tokens, such as 1, 0.50"
            f" or 1 {exchange.currency}.",
            param=param,
        )
    said = found["before"] or found["after"]
    currency = exchange.currency if said is None else _SIGNS.get(said, said.upper())
    rate = exchange.rate(currency)
    if rate is None:
        raise InvalidRequest(
            f"{param}: nobody has said what 1 {currency} is worth in {exchange.currency}; give the"
            f" price in {exchange.currency}, or have {currency} entered under [exchange_rates].",
            param=param,
        )
    try:
        nano = int((parse_nano(found["number"].replace(",", ".")) * rate).to_integral_value())
    except ValueError as error:
        raise InvalidRequest(f"{param}: {error}.", param=param) from None
    if nano > MOST_PRICE * NANO:
        raise InvalidRequest(f"{param}: at most {MOST_PRICE:,} a million tokens.", param=param)
    return nano


def mix(input_text: str, output_text: str, cached_text: str = "0") -> Mix:
    """Return the mix for its parts, each 0 to 1,000 and with at most two decimals; not all zero."""
    hundredths = [
        _part(text, param)
        for text, param in (
            (input_text, "price_in"),
            (output_text, "price_out"),
            (cached_text, "price_cached"),
        )
    ]
    if not any(hundredths):
        raise InvalidRequest("price_in, price_out: one of them must be above 0.", param="price_in")
    divisor = gcd(*hundredths)
    return Mix(*(part // divisor for part in hundredths))


def read_mix(text: str) -> Mix:
    """Return the mix for IN:OUT or IN:OUT:CACHED, such as 3:1 or 8:1:1."""
    parts = text.split(":")
    if not 2 <= len(parts) <= 3:
        raise InvalidRequest(
            f"mix: {text[:40]!r} is not IN:OUT or IN:OUT:CACHED, such as 3:1 or 8:1:1.", param="mix"
        )
    return mix(*parts)


def _count(text: str, param: str, units: dict[str, int], examples: str) -> int:
    plain = text.strip()
    if _THOUSANDS.fullmatch(plain):
        plain = re.sub(r"[^0-9]", "", plain)
    found = _COUNT.fullmatch(plain)
    if found is None or found[2].lower() not in units:
        raise InvalidRequest(
            f"{param}: {text[:40]!r} is no number here; write {examples}.", param=param
        )
    number = Decimal(found[1].replace(",", ".")) * units[found[2].lower()]
    return min(int(number), 2**62)


def _part(text: str, param: str) -> int:
    try:
        nano = parse_nano(text.strip())
    except ValueError:
        nano = -1
    hundredths, rest = divmod(nano, NANO // 100)
    if nano < 0 or rest or hundredths > 100 * MOST_PARTS:
        raise InvalidRequest(
            f"{param}: {text[:40]!r} is no share of the tokens; write a number from 0 to"
            f" {MOST_PARTS:,} with at most two decimals, such as 3.",
            param=param,
        )
    return hundredths
