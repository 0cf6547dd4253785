"""What requests cost, by each provider's published rates, worked out by hand.

The rates are those published on the pages named, as pydantic/genai-prices recorded them on
2026-08-21 (commit 47df840). They prove the arithmetic; what is charged today, the pages say.
"""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane import config, pricing
from tramontane.errors import ConfigError
from tramontane.money import (
    MTOK,
    NANO,
    Price,
    Usage,
    affordable_output_tokens,
    bound_nano,
    cost_nano,
    parse_nano,
    rates_at,
)
from tramontane.pricing import LongContextSettings, PriceSettings

# https://www.anthropic.com/pricing#api: writes cost 1.25 (five minutes) or 2 (an hour) times the
# input, reads a tenth; above 200,000 tokens everything costs the longer prompt's rates.
SONNET = PriceSettings(
    input_per_mtok="3",
    output_per_mtok="15",
    cached_input_per_mtok="0.30",
    cache_write_per_mtok="3.75",
    cache_write_1h_per_mtok="6",
    long_context=(
        LongContextSettings(
            above_tokens=200_000,
            input_per_mtok="6",
            output_per_mtok="22.50",
            cached_input_per_mtok="0.60",
            cache_write_per_mtok="7.50",
            cache_write_1h_per_mtok="12",
        ),
    ),
)
# https://ai.google.dev/gemini-api/docs/pricing: prompts above 200,000 tokens cost more throughout.
GEMINI = PriceSettings(
    input_per_mtok="1.25",
    output_per_mtok="10",
    cached_input_per_mtok="0.125",
    long_context=(
        LongContextSettings(
            above_tokens=200_000,
            input_per_mtok="2.50",
            output_per_mtok="15",
            cached_input_per_mtok="0.25",
        ),
    ),
)
# https://developers.openai.com/api/docs/pricing: flex and batch at half, priority at twice.
GPT_5 = PriceSettings(
    input_per_mtok="1.25",
    output_per_mtok="10",
    cached_input_per_mtok="0.125",
    service_tiers={"flex": "0.5", "batch": "0.5", "priority": "2"},
)
# https://mistral.ai/pricing#api-pricing; a regional address costs 1.1 times as much
# (https://docs.mistral.ai/studio/regional-inference, read on 2026-11-22).
MISTRAL_LARGE = PriceSettings(
    input_per_mtok="0.5", output_per_mtok="1.5", cached_input_per_mtok="0.05"
)
MISTRAL_LARGE_EU = PriceSettings(
    input_per_mtok="0.55", output_per_mtok="1.65", cached_input_per_mtok="0.055"
)
# https://aws.amazon.com/bedrock/pricing/
NOVA_PRO = PriceSettings(input_per_mtok="0.8", output_per_mtok="3.2", cached_input_per_mtok="0.2")


def price_of(settings: PriceSettings) -> Price:
    return pricing.parse(settings, "USD", {}, "test")


@pytest.mark.parametrize(
    ("rates", "usage", "dollars"),
    [
        # 2,000 written + 100 new + 500 answered: 0.0075 + 0.0003 + 0.0075
        (SONNET, Usage(2_100, 500, 0, 2_000), "0.0153"),
        # the next turn reads 2,000: 0.0006 + 0.0003 + 0.0075
        (SONNET, Usage(2_100, 500, 2_000), "0.0084"),
        # 1,000 of 3,000 written are kept an hour: 2,000 x 3.75 + 1,000 x 6, and 50 new
        (SONNET, Usage(3_050, 0, 0, 3_000, 1_000), "0.01365"),
        # 200,000 exactly are no long prompt: 0.60 + 1,000 answered at 15
        (SONNET, Usage(200_000, 1_000), "0.615"),
        # one more is, from its first token on: 200,001 x 6 + 1,000 x 22.50
        (SONNET, Usage(200_001, 1_000), "1.222506"),
        # cached and written tokens count for the length: 150,000 read, 60,000 written, 10 new
        (SONNET, Usage(210_010, 0, 150_000, 60_000), "0.54006"),
        # thinking is part of the answer: 8,000 thought and 200 said
        (GEMINI, Usage(1_000, 8_200), "0.08325"),
        (GEMINI, Usage(250_000, 2_000, 100_000), "0.43"),
        # 1,024 of 1,536 cached: 512 x 1.25 + 1,024 x 0.125 + 300 x 10
        (GPT_5, Usage(1_536, 300, 1_024), "0.003768"),
        (MISTRAL_LARGE, Usage(10_000, 2_000), "0.008"),
        (MISTRAL_LARGE_EU, Usage(10_000, 2_000, 4_000), "0.00682"),
        (NOVA_PRO, Usage(5_000, 1_000, 3_000), "0.0054"),
    ],
)
def test_published_rates_worked_out(rates: PriceSettings, usage: Usage, dollars: str) -> None:
    price = price_of(rates)
    cost = cost_nano(price, usage)
    assert cost == parse_nano(dollars)
    assert cost <= bound_nano(price, usage.prompt_tokens, usage.completion_tokens)


@pytest.mark.parametrize(
    ("tier", "dollars"), [("flex", "0.001884"), ("batch", "0.001884"), ("priority", "0.007536")]
)
def test_a_service_tier_is_a_factor_on_all_of_it(tier: str, dollars: str) -> None:
    tiers = pricing.parse_service_tiers(GPT_5, "USD", {}, "test")
    assert cost_nano(tiers[tier], Usage(1_536, 300, 1_024)) == parse_nano(dollars)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    def rates(least: tuple[int, ...]) -> tuple[int, ...]:
        cached = draw(st.integers(least[0], 10**11))
        plain = draw(st.integers(max(cached, least[1]), 2 * 10**11))
        write = draw(st.integers(max(least[2], 0), 3 * 10**11))
        hour = draw(st.integers(least[3], 3 * 10**11))
        output = draw(st.integers(least[4], 2 * 10**11))
        return cached, plain, write, hour, output

    def settings_of(found: tuple[int, ...]) -> dict[str, Any]:
        names = ("cached_input", "input", "cache_write", "cache_write_1h", "output")
        return {f"{name}_per_mtok": _decimal(n) for name, n in zip(names, found, strict=True)}

    first = rates((0, 0, 0, 0, 0))
    longer = []
    above, last = 0, first
    for _ in range(draw(st.integers(0, 3))):
        above += draw(st.integers(1, 10**6))
        last = rates(last)
        longer.append(LongContextSettings(above_tokens=above, **settings_of(last)))
    return price_of(PriceSettings(**settings_of(first), long_context=tuple(longer)))


def _decimal(nano: int) -> str:
    whole, rest = divmod(nano, NANO)
    return f"{whole}.{rest:09d}"


def slow_cost(price: Price, usage: Usage) -> Fraction:
    """The same with fractions and if, each token on its own line of the bill."""
    rates = rates_at(price, usage.prompt_tokens)
    cached = usage.cached_tokens
    hour = usage.cache_write_1h_tokens
    write = usage.cache_write_tokens - hour
    new = usage.prompt_tokens - cached - write - hour
    lines = (
        (new, rates.input_nano_per_mtok),
        (cached, rates.cached_nano_per_mtok),
        (write, rates.write_nano_per_mtok),
        (hour, rates.write_1h_nano_per_mtok),
        (usage.completion_tokens, rates.output_nano_per_mtok),
    )
    return price.request_nano + sum((Fraction(n * rate, MTOK) for n, rate in lines), Fraction(0))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    cached, write, hour, new = (draw(st.integers(0, 10**6)) for _ in range(4))
    prompt = cached + write + hour + new
    return Usage(prompt, draw(st.integers(0, 10**6)), cached, write + hour, hour)


@settings(max_examples=80, deadline=None)
@given(price=prices(), usage=usages(), more=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
def test_costs_are_exact_and_never_above_their_bound(
    price: Price, usage: Usage, more: tuple[int, int]
) -> None:
    exact = slow_cost(price, usage)
    assert abs(cost_nano(price, usage) - exact) <= Fraction(1, 2)
    prompt, output = usage.prompt_tokens + more[0], usage.completion_tokens + more[1]
    assert cost_nano(price, usage) <= bound_nano(price, prompt, output)
    left = bound_nano(price, prompt, output)
    affordable = affordable_output_tokens(price, prompt, left)
    assert affordable is None or bound_nano(price, prompt, affordable) <= left


def test_what_would_break_a_bound_is_refused() -> None:
    dearer = LongContextSettings(above_tokens=9, input_per_mtok="1", output_per_mtok="1")
    for changes, said in (
        ({"cached_input_per_mtok": "2"}, "cached_input_per_mtok"),
        ({"input_per_mtok": "2", "long_context": (dearer,)}, "input price is below"),
        ({"cache_write_per_mtok": "9", "long_context": (dearer,)}, "cache_write price is below"),
        ({"long_context": (dearer, dearer)}, "above_tokens"),
        ({"long_context": (dearer,) * 5}, "at most 4"),
        ({"input_per_mtok": "-1"}, "zero or more"),
        ({"request": "100000001"}, "request: must be at most 100,000,000"),
        ({"output_per_mtok": "1e999999999"}, "too large"),
    ):
        given_price = {"input_per_mtok": "1", "output_per_mtok": "1", **changes}
        with pytest.raises(ConfigError, match=said):
            price_of(PriceSettings(**given_price))  # type: ignore[arg-type]
    wrong = PriceSettings(service_tiers={"Flex": "0.5"})
    with pytest.raises(ConfigError, match="lower-case"):
        pricing.parse_service_tiers(wrong, "USD", {}, "test")


def test_nothing_said_is_not_free() -> None:
    free = {"deployments.a.url": "https://example.org/v1", "deployments.a.price": "free"}
    loaded = config.load(None, free).deployments["a"]
    assert config.parse_price(loaded.price, config.Settings(), "a") == Price()
    assert Price().is_known and not Price(is_known=False).is_known
