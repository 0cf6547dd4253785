"""Prices and costs in whole numbers.

Money is counted in nano-units (1e-9) of the platform's currency and prices in nano-units per
million tokens, so that no float ever touches a bill. It does not know who pays.
"""

from decimal import Decimal, InvalidOperation

import msgspec

NANO = 1_000_000_000
MTOK = 1_000_000
PRICE_MOST_NANO = 10**17
"""The most that a million tokens or a request may cost: beyond it, a zero too many is likelier."""
COST_MOST_NANO = 10**17
"""The most that one attempt is charged: whatever its server counts, a store can keep it."""
_DIGITS_MOST = 18  # of a decimal that is read


class Rates(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a request of more than `above_tokens` prompt tokens costs, all of it, per million
    tokens. None: as other input, and for what is kept an hour, as other writes to the cache.
    """

    above_tokens: int
    input_nano_per_mtok: int
    output_nano_per_mtok: int
    cached_nano_per_mtok: int
    cache_write_nano_per_mtok: int | None = None
    cache_write_1h_nano_per_mtok: int | None = None

    @property
    def write_nano_per_mtok(self) -> int:
        """What a token costs that is written to the provider's cache."""
        write = self.cache_write_nano_per_mtok
        return self.input_nano_per_mtok if write is None else write

    @property
    def write_1h_nano_per_mtok(self) -> int:
        """What a token costs that is written to the provider's cache for an hour."""
        write = self.cache_write_1h_nano_per_mtok
        return self.write_nano_per_mtok if write is None else write

    def times(self, factor_nano: int) -> "Rates":
        """Return these rates by a factor in billionths, each rounded half up."""
        write, hour = self.cache_write_nano_per_mtok, self.cache_write_1h_nano_per_mtok
        return Rates(
            self.above_tokens,
            _times(self.input_nano_per_mtok, factor_nano),
            _times(self.output_nano_per_mtok, factor_nano),
            _times(self.cached_nano_per_mtok, factor_nano),
            None if write is None else _times(write, factor_nano),
            None if hour is None else _times(hour, factor_nano),
        )


class Price(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a deployment charges, in nano-units per million tokens.

    `long_context` are the rates of longer prompts, shortest first; none is below those before it.
    `is_known` False: nobody has said what it costs, which is not the same as nothing.
    """

    input_nano_per_mtok: int = 0
    output_nano_per_mtok: int = 0
    cached_nano_per_mtok: int = 0
    request_nano: int = 0
    cache_write_nano_per_mtok: int | None = None  # None: as other input
    long_context: tuple[Rates, ...] = ()
    is_known: bool = True
    cache_write_1h_nano_per_mtok: int | None = None  # None: as other writes to the cache

    @property
    def write_nano_per_mtok(self) -> int:
        """What a token costs that is written to the provider's cache."""
        write = self.cache_write_nano_per_mtok
        return self.input_nano_per_mtok if write is None else write

    @property
    def write_1h_nano_per_mtok(self) -> int:
        """What a token costs that is written to the provider's cache for an hour."""
        write = self.cache_write_1h_nano_per_mtok
        return self.write_nano_per_mtok if write is None else write

    def times(self, factor_nano: int) -> "Price":
        """Return this price by a factor in billionths, as service tiers have one; each part is
        rounded half up.
        """
        write, hour = self.cache_write_nano_per_mtok, self.cache_write_1h_nano_per_mtok
        return Price(
            _times(self.input_nano_per_mtok, factor_nano),
            _times(self.output_nano_per_mtok, factor_nano),
            _times(self.cached_nano_per_mtok, factor_nano),
            _times(self.request_nano, factor_nano),
            None if write is None else _times(write, factor_nano),
            tuple(rates.times(factor_nano) for rates in self.long_context),
            self.is_known,
            None if hour is None else _times(hour, factor_nano),
        )


class Usage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Tokens of one answer. `prompt_tokens` hold `cached_tokens` (read from the provider's cache)
    and `cache_write_tokens` (written to it), these `cache_write_1h_tokens` (kept there for an
    hour); `completion_tokens` hold the tokens of thinking.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0


def cost_nano(price: Price, usage: Usage) -> int:
    """Return the cost in nano-units, rounded half up once, over the exact sum.

    It never decreases when the tokens of the prompt or of the answer grow (`parse_price` holds
    that: what is cached costs at most what is not, a longer prompt at least what a shorter does).
    """
    prompt, cached, written = usage.prompt_tokens, usage.cached_tokens, usage.cache_write_tokens
    if cached > prompt:
        cached = prompt
    if written > prompt - cached:
        written = prompt - cached
    rates = rates_at(price, prompt) if price.long_context else price
    micro = (
        (prompt - cached - written) * rates.input_nano_per_mtok
        + cached * rates.cached_nano_per_mtok
        + usage.completion_tokens * rates.output_nano_per_mtok
    )
    if written:
        hour = min(max(usage.cache_write_1h_tokens, 0), written)
        micro += (written - hour) * rates.write_nano_per_mtok + hour * rates.write_1h_nano_per_mtok
    return price.request_nano + (micro + MTOK // 2) // MTOK


def bound_nano(price: Price, prompt_tokens: int, output_tokens: int) -> int:
    """Return the most that so many tokens can cost: nothing cached, all written to the cache where
    that costs more.
    """
    rates = rates_at(price, prompt_tokens) if price.long_context else price
    write = rates.write_nano_per_mtok
    dearest = max(rates.input_nano_per_mtok, write, rates.write_1h_nano_per_mtok)
    micro = prompt_tokens * dearest + output_tokens * rates.output_nano_per_mtok
    return price.request_nano + (micro + MTOK // 2) // MTOK


def affordable_output_tokens(price: Price, prompt_tokens: int, available_nano: int) -> int | None:
    """Return how many output tokens `available_nano` pays for; None where output is free.

    Negative where not even the prompt can be paid.
    """
    left = available_nano - bound_nano(price, prompt_tokens, 0)
    if left < 0:
        return -1
    rate = rates_at(price, prompt_tokens).output_nano_per_mtok
    if rate == 0:
        return None
    return max(0, (left - 1) * MTOK // rate)


def rates_at(price: Price, prompt_tokens: int) -> Price | Rates:
    """Return the rates that a prompt of so many tokens is charged at."""
    found: Price | Rates = price
    for rates in price.long_context:
        if prompt_tokens <= rates.above_tokens:
            break
        found = rates
    return found


def _times(nano: int, factor_nano: int) -> int:
    return (nano * factor_nano + NANO // 2) // NANO


def parse_nano(text: str) -> int:
    """Return nano-units for a decimal such as "12.50"; ValueError says what is wrong."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"'{text}' is not a decimal number such as 12.50") from None
    if not value.is_finite() or value < 0:
        raise ValueError(f"'{text}' must be zero or more")
    if value.adjusted() > _DIGITS_MOST:  # an exponent can stand for more than memory holds
        raise ValueError(f"'{text[:40]}' is too large")
    nano = value * NANO
    if nano != nano.to_integral_value():
        raise ValueError(f"'{text}' has more than nine decimal places")
    return int(nano)


def format_nano(nano: int, places: int = 9) -> str:
    """Return a plain decimal of `nano`, trailing zeros dropped down to two places."""
    sign = "-" if nano < 0 else ""
    whole, fraction = divmod(abs(nano), NANO)
    digits = f"{fraction:09d}"[:places].rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{digits}"
