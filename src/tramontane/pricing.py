"""Prices as an operator writes them, read into whole numbers.

They stand in configuration files and in the store, as decimals in quotes. It does not know who
charges them, nor whether they are right.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from tramontane.errors import ConfigError
from tramontane.money import NANO, PRICE_MOST_NANO, Price, Rates, parse_nano

LONG_CONTEXT_MOST = 4
_SERVICE_TIER = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


class LongContextSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every token of a request costs whose prompt has more than `above_tokens`."""

    above_tokens: int
    input_per_mtok: str
    output_per_mtok: str
    cached_input_per_mtok: str | None = None
    cache_write_per_mtok: str | None = None
    cache_write_1h_per_mtok: str | None = None


class PriceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices as decimals in quotes, per million tokens (`request` per request).

    `service_tiers` are factors on all of it, by the name that a request asks for.
    """

    input_per_mtok: str = "0"
    output_per_mtok: str = "0"
    cached_input_per_mtok: str | None = None
    cache_write_per_mtok: str | None = None
    cache_write_1h_per_mtok: str | None = None
    request: str = "0"
    currency: str | None = None
    long_context: tuple[LongContextSettings, ...] = ()
    service_tiers: dict[str, str] = {}


def parse(
    price: PriceSettings | Literal["free"] | None,
    currency: str,
    exchange_rates: Mapping[str, str],
    place: str,
) -> Price:
    """Return `price` in nano-units of the platform's currency; zero where None or free.

    Raises ConfigError; also where a part of a prompt could cost less for being longer, since no
    bound would hold then.
    """
    if price is None or price == "free":
        return Price()
    rate = _rate(price.currency, currency, exchange_rates, place)
    rates = _rates(price, 0, rate, f"{place}.price")
    longer: list[Rates] = []
    if len(price.long_context) > LONG_CONTEXT_MOST:
        raise ConfigError(f"{place}.price.long_context: at most {LONG_CONTEXT_MOST} of them")
    for number, more in enumerate(price.long_context):
        at = f"{place}.price.long_context[{number}]"
        found = _rates(more, more.above_tokens, rate, at)
        _check_dearer(longer[-1] if longer else rates, found, at)
        longer.append(found)
    return Price(
        input_nano_per_mtok=rates.input_nano_per_mtok,
        output_nano_per_mtok=rates.output_nano_per_mtok,
        cached_nano_per_mtok=rates.cached_nano_per_mtok,
        request_nano=_nano(price.request, rate, f"{place}.price.request"),
        cache_write_nano_per_mtok=rates.cache_write_nano_per_mtok,
        long_context=tuple(longer),
        cache_write_1h_nano_per_mtok=rates.cache_write_1h_nano_per_mtok,
    )


def parse_service_tiers(
    price: PriceSettings | Literal["free"] | None,
    currency: str,
    exchange_rates: Mapping[str, str],
    place: str,
) -> dict[str, Price]:
    """Return the price at each service tier, by the name that requests ask for it."""
    if price is None or price == "free":
        return {}
    usual = parse(price, currency, exchange_rates, place)
    found = {}
    for name, factor in price.service_tiers.items():
        at = f"{place}.price.service_tiers.{name}"
        if _SERVICE_TIER.fullmatch(name) is None:
            raise ConfigError(f"{at}: a tier's name is lower-case, such as flex or priority")
        try:
            found[name] = usual.times(parse_nano(factor))
        except ValueError as error:
            raise ConfigError(f"{at}: {error}") from None
    return found


def _rates(
    price: PriceSettings | LongContextSettings, above_tokens: int, rate: Decimal, place: str
) -> Rates:
    input_nano = _nano(price.input_per_mtok, rate, f"{place}.input_per_mtok")
    cached, write = price.cached_input_per_mtok, price.cache_write_per_mtok
    hour = price.cache_write_1h_per_mtok
    cached_nano = (
        input_nano if cached is None else _nano(cached, rate, f"{place}.cached_input_per_mtok")
    )
    if cached_nano > input_nano:
        raise ConfigError(f"{place}.cached_input_per_mtok: is above input_per_mtok")
    return Rates(
        above_tokens=above_tokens,
        input_nano_per_mtok=input_nano,
        output_nano_per_mtok=_nano(price.output_per_mtok, rate, f"{place}.output_per_mtok"),
        cached_nano_per_mtok=cached_nano,
        cache_write_nano_per_mtok=None
        if write is None
        else _nano(write, rate, f"{place}.cache_write_per_mtok"),
        cache_write_1h_nano_per_mtok=None
        if hour is None
        else _nano(hour, rate, f"{place}.cache_write_1h_per_mtok"),
    )


def _check_dearer(before: Rates, after: Rates, place: str) -> None:
    if after.above_tokens <= before.above_tokens:
        raise ConfigError(f"{place}.above_tokens: must be above {before.above_tokens}")
    for name in ("input", "output", "cached"):
        field = f"{name}_nano_per_mtok"
        if getattr(after, field) < getattr(before, field):
            raise ConfigError(f"{place}: its {name} price is below that of shorter prompts")
    if (
        after.write_nano_per_mtok < before.write_nano_per_mtok
        or after.write_1h_nano_per_mtok < before.write_1h_nano_per_mtok
    ):
        raise ConfigError(f"{place}: its cache_write price is below that of shorter prompts")


def _nano(text: str, rate: Decimal, place: str) -> int:
    try:
        nano = int((Decimal(parse_nano(text)) * rate).to_integral_value())
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from None
    if nano > PRICE_MOST_NANO:
        raise ConfigError(f"{place}: must be at most {PRICE_MOST_NANO // NANO:,}")
    return nano


def _rate(
    currency: str | None, platform_currency: str, exchange_rates: Mapping[str, str], place: str
) -> Decimal:
    if currency is None or currency == platform_currency:
        return Decimal(1)
    text = exchange_rates.get(currency)
    if text is None:
        raise ConfigError(
            f"{place}.price.currency: is {currency}, the platform's currency is"
            f' {platform_currency}; add {currency} = "RATE" under [exchange_rates]'
        )
    try:
        return Decimal(parse_nano(text)) / 1_000_000_000
    except ValueError as error:
        raise ConfigError(f"exchange_rates.{currency}: {error}") from None
