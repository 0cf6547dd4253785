"""Models side by side."""

import pytest

from tests.catalog.making import SOURCES, card, offer
from tramontane.catalog.cards import Card
from tramontane.catalog.comparing import ComparedRow, check_ids, compare
from tramontane.catalog.machine import Memory
from tramontane.catalog.prices import Exchange, Mix
from tramontane.catalog.views import Looking, MixView, whole
from tramontane.errors import InvalidRequest

LOOKING = Looking(mix=Mix(1, 1), exchange=Exchange(), memory=Memory(16 * 10**9), sources=SOURCES)


def rows(*cards: Card) -> dict[str, ComparedRow]:
    """Return the compared rows by field."""
    mix = MixView(input=1, output=1, cached=0)
    found = compare([whole(each, LOOKING) for each in cards], "USD", mix)
    return {row.field: row for row in found.rows}


def test_best_is_said_only_where_better_is_defined() -> None:
    one = card(
        "a/one",
        openness="open_weights",
        parameters=8 * 10**9,
        context_tokens=32_768,
        languages=["it", "en"],
        licence="mit",
        offers=(offer("x", "1", "3"),),
    )
    two = card(
        "b/two",
        openness="closed",
        context_tokens=131_072,
        languages=["en", "it"],
        licence="proprietary",
        offers=(offer("y", "2", "2"), offer("z", "9", "9")),
    )
    three = card("c/three")
    found = rows(one, two, three)
    assert found["context_tokens"].values == [32_768, 131_072, None]
    assert found["context_tokens"].best == [1]
    assert found["licence"].differs and found["licence"].best is None
    assert not found["languages"].differs  # the same ones in another order
    assert found["price"].values == ["2.00 USD", "2.00 USD", None]
    assert found["price"].best is None and not found["price"].differs
    assert found["openness"].values == ["open_weights", "closed", "unknown"]
    assert found["fits"].values == ["yes", "unknown", "unknown"]
    assert found["providers"].values == [["x"], ["y", "z"], None]


def test_where_it_is_processed_is_said_of_the_price_that_is_shown() -> None:
    cheap, union = offer("x", "1", "1"), offer("y", "2", "2", jurisdiction="EU")
    one, two = card("a/one", offers=(cheap, union)), card("b/two", offers=(union,))
    found = rows(one, two)
    assert found["price_provider"].values == ["x", "y"]
    assert found["price_jurisdiction"].values == [None, "EU"]  # not that of the dearer offer
    assert found["jurisdictions"].values == [["EU"], ["EU"]]


def test_prices_of_two_currencies_are_shown_and_not_compared() -> None:
    one = card("a/one", offers=(offer("x", "1", "1"),))
    two = card("b/two", offers=(offer("y", "9", "9", currency="CNY"),))
    found = rows(one, two)["price"]
    assert found.values == ["1.00 USD", "9.00 CNY"]
    assert found.best is None and found.differs


def test_what_is_for_nothing_wins_no_comparison() -> None:
    one = card("a/one", offers=(offer("trial", "0", "0"), offer("x", "1", "1")))
    two = card("b/two", offers=(offer("trial", "0", "0"),))
    three = card("c/three", offers=(offer("y", "2", "2"),))
    found = rows(one, two, three)["price"]
    assert found.values == ["1.00 USD", "0.00 USD", "2.00 USD"]
    assert found.best == [0]


def test_two_to_six() -> None:
    assert check_ids(["a/b", " c/d ", "a/b"]) == ("a/b", "c/d")
    for wrong in ([], ["a/b"], ["a/b", "a/b"], [f"a/{n}" for n in range(7)]):
        with pytest.raises(InvalidRequest, match="2 to 6 different models"):
            check_ids(wrong)
