"""Prices at one's own mix, in the platform's currency."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.catalog.making import offer
from tramontane.catalog.prices import Amount, Exchange, Mix, long_prices, price

EURO = Exchange("EUR", {"USD": "0.92"})
DOLLAR = Exchange()


def test_a_mix_of_what_is_read_written_and_kept() -> None:
    some = offer("p", "1", "4", cached_input_per_mtok="0.1")
    assert price(some, Mix(3, 1), DOLLAR) == Amount(amount="1.75", currency="USD")
    assert price(some, Mix(0, 1), DOLLAR) == Amount(amount="4.00", currency="USD")
    assert price(some, Mix(1, 1, 8), DOLLAR) == Amount(amount="0.58", currency="USD")
    assert price(offer("p", "1", "4"), Mix(1, 0, 1), DOLLAR) == Amount(
        amount="1.00", currency="USD"
    )


def test_currencies() -> None:
    some = offer("p", "1", "1")
    assert price(some, Mix(), EURO) == Amount(amount="0.92", currency="EUR")
    yen = offer("p", "1", "1", currency="JPY")
    assert price(yen, Mix(), EURO) == Amount(amount="1.00", currency="JPY")


def test_what_nobody_said_has_no_price() -> None:
    assert price(offer("p", "1", None), Mix(3, 1), DOLLAR) is None
    assert price(offer("p", "1", None), Mix(1, 0), DOLLAR) is not None
    for wrong in ("", "free", "-1", "NaN", "Infinity"):
        assert price(offer("p", wrong, "1"), Mix(), DOLLAR) is None
    assert price(offer("p", "0", "0"), Mix(), DOLLAR) == Amount(amount="0.00", currency="USD")


def test_longer_prompts() -> None:
    some = offer("p", "1", "4", long_context=((200_000, "2", "6"), (500_000, "x", "6")))
    assert long_prices(some, Mix(1, 1), DOLLAR) == [
        (200_000, Amount(amount="4.00", currency="USD")),
        (500_000, None),
    ]


@given(
    st.decimals(0, 1000, places=6), st.decimals(0, 1000, places=6), st.integers(0, 1000),
    st.integers(1, 1000),
)  # fmt: skip
def test_it_is_what_the_card_says(first: Decimal, second: Decimal, read: int, write: int) -> None:
    some = offer("p", str(first), str(second))
    shown = price(some, Mix(read, write), DOLLAR)
    exact = some.mixed(Decimal(read) / (read + write), Decimal(write) / (read + write))
    assert shown is not None and exact is not None
    assert abs(Decimal(shown.amount) - exact) <= Decimal("1e-9")
