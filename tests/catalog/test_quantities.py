"""Numbers as people write them."""

import pytest

from tramontane.catalog import quantities
from tramontane.catalog.prices import Exchange, Mix
from tramontane.errors import InvalidRequest

EXCHANGE = Exchange("EUR", {"USD": "0.92", "CHF": "1.07", "bad": "x"})


@pytest.mark.parametrize(
    ("text", "at_least", "at_most"),
    [
        ("32000", 32_000, 32_000),
        ("32k", 32_000, 32_768),
        ("128 K", 128_000, 131_072),
        ("1M", 1_000_000, 1_048_576),
        ("1.5k", 1_500, 1_536),
        ("32,768", 32_768, 32_768),
        ("200 000", 200_000, 200_000),
    ],
)
def test_tokens(text: str, at_least: int, at_most: int) -> None:
    assert quantities.context_tokens(text, "min_context") == at_least
    assert quantities.context_tokens(text, "max_context", at_most=True) == at_most


@pytest.mark.parametrize(
    ("text", "number"),
    [("7B", 7_000_000_000), ("1,5b", 1_500_000_000), ("350M", 350_000_000), ("1T", 10**12)],
)
def test_parameters(text: str, number: int) -> None:
    assert quantities.parameters(text, "min_parameters") == number


@pytest.mark.parametrize("text", ["", "much", "-1", "32q", "32kk", "0x10", "٣"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"min_context: .*32k") as caught:
        quantities.context_tokens(text, "min_context")
    assert caught.value.param == "min_context"


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("1", 1_000_000_000),
        ("0,50 €", 500_000_000),
        ("1 EUR", 1_000_000_000),
        ("€2", 2_000_000_000),
        ("$1", 920_000_000),
        ("2 chf", 2_140_000_000),
        ("0", 0),
    ],
)
def test_prices(text: str, nano: int) -> None:
    assert quantities.price_nano(text, "max_price", EXCHANGE) == nano


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cheap", "is no price"),
        ("€1€", "is no price"),
        ("1 JPY", "what 1 JPY is worth in EUR.*exchange_rates"),
        ("1 bad", "what 1 BAD is worth"),
        ("10001", "at most 10,000"),
        ("0.0000000001", "nine decimal places"),
    ],
)
def test_prices_that_cannot_be_compared(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        quantities.price_nano(text, "max_price", EXCHANGE)


def test_mixes() -> None:
    assert quantities.read_mix("3:1") == Mix(3, 1, 0)
    assert quantities.read_mix("8:1:1") == Mix(8, 1, 1)
    assert quantities.mix("0.5", "0.25") == Mix(2, 1, 0)
    assert quantities.mix("1000", "1000", "1000") == Mix(1, 1, 1)
    for wrong in ("3", "3:1:0:0", "0:0", "a:b", "1001:1", "1:0.001", "-1:2", "nan:1"):
        with pytest.raises(InvalidRequest):
            quantities.read_mix(wrong)
