"""Prices and costs in whole numbers.

Money is counted in nano-units (1e-9) of the platform's currency and prices in nano-units per
million tokens, so that no float ever touches a bill. It does not know who pays.
"""

from decimal import Decimal, InvalidOperation

import msgspec

NANO = 1_000_000_000
MTOK = 1_000_000


class Price(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a deployment charges, in nano-units per million tokens."""

    input_nano_per_mtok: int = 0
    output_nano_per_mtok: int = 0
    cached_nano_per_mtok: int = 0
    request_nano: int = 0


class Usage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Tokens of one answer. `cached_tokens` are part of `prompt_tokens`."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


def cost_nano(price: Price, usage: Usage) -> int:
    """Return the cost in nano-units, rounded half up once, over the exact sum.

    It never decreases when a token count grows (cached prices are at most input prices), so a
    cost at upper bounds is an upper bound.
    """
    prompt, cached = usage.prompt_tokens, usage.cached_tokens
    if cached > prompt:
        cached = prompt
    micro = (
        (prompt - cached) * price.input_nano_per_mtok
        + cached * price.cached_nano_per_mtok
        + usage.completion_tokens * price.output_nano_per_mtok
    )
    return price.request_nano + (micro + MTOK // 2) // MTOK


def bound_nano(price: Price, prompt_tokens: int, output_tokens: int) -> int:
    """Return the most that so many tokens can cost: `cost_nano` with nothing cached."""
    micro = prompt_tokens * price.input_nano_per_mtok + output_tokens * price.output_nano_per_mtok
    return price.request_nano + (micro + MTOK // 2) // MTOK


def affordable_output_tokens(price: Price, prompt_tokens: int, available_nano: int) -> int | None:
    """Return how many output tokens `available_nano` pays for; None where output is free.

    Negative where not even the prompt can be paid.
    """
    left = available_nano - cost_nano(price, Usage(prompt_tokens))
    if left < 0:
        return -1
    if price.output_nano_per_mtok == 0:
        return None
    return max(0, (left - 1) * MTOK // price.output_nano_per_mtok)


def parse_nano(text: str) -> int:
    """Return nano-units for a decimal such as "12.50"; ValueError says what is wrong."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"'{text}' is not a decimal number such as 12.50") from None
    if not value.is_finite() or value < 0:
        raise ValueError(f"'{text}' must be zero or more")
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
