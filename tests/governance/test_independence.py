"""Shares and concentration, worked by hand, and with the unknown counted as unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.governance.facts import Facts
from tramontane.governance.independence import Used, concentration, spreads


def used(provider: str | None, tokens: int, cost_nano: int = 0) -> Used:
    facts = Facts(provider=provider, owner=provider)
    return Used(deployment="d", facts=facts, requests=1, tokens=tokens, cost_nano=cost_nano)


def test_four_equal_ones_are_a_quarter() -> None:
    found = concentration(dict.fromkeys("abcd", 25))
    assert found is not None
    assert found.hhi_least == found.hhi_most == pytest.approx(0.25)
    assert found.largest_share == 0.25


def test_the_unknown_widens_what_it_may_be() -> None:
    # 50 % a, 20 % b, 30 % unknown: 0.25 + 0.04, or (0.5 + 0.3)² + 0.04
    found = concentration({"a": 50, "b": 20, None: 30})
    assert found is not None
    assert found.hhi_least == pytest.approx(0.29)
    assert found.hhi_most == pytest.approx(0.68)
    assert found.largest == "a"
    assert found.unknown_share == pytest.approx(0.3)


def test_nothing_used_has_no_concentration() -> None:
    assert concentration({}) is None
    assert concentration({"a": 0}) is None
    assert all(spread.by_tokens is None for spread in spreads([]))


def test_shares_are_sorted_and_unknown_is_one_of_them() -> None:
    by_provider = spreads([used("a", 10, 5), used("b", 30, 5), used(None, 60), used("a", 0, 10)])[0]
    assert [(s.name, s.tokens, s.cost_nano) for s in by_provider.shares] == [
        (None, 60, 0),
        ("b", 30, 5),
        ("a", 10, 15),
    ]
    assert by_provider.shares[2].cost_share == 0.75
    assert by_provider.by_cost is not None and by_provider.by_cost.largest == "a"


@given(st.dictionaries(st.sampled_from(["a", "b", "c", None]), st.integers(0, 10**12)))
def test_the_index_stays_within_its_bounds(amounts: dict[str | None, int]) -> None:
    found = concentration(amounts)
    if found is None:
        assert sum(amounts.values()) == 0
        return
    assert -1e-9 <= found.hhi_least <= found.hhi_most + 1e-9 <= 1 + 2e-9
