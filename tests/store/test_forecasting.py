"""How long budgets will last: a straight line, and nothing where too little is known."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.store.database import Store
from tramontane.store.forecasting import REQUESTS_LEAST, Standing, standing_of, standings
from tramontane.store.records import Budget, Window
from tramontane.store.usage import Pace
from tramontane.store.windows import DAY_MS, bounds

NOW_MS = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000)
NANO = 1_000_000_000
DAYS = DAY_MS


def budget(window: Window = "month", limit: int = 100) -> Budget:
    return Budget(id="b", project_id="p", window=window, limit_nano=limit * NANO)


def stands(window: Window, limit: int, spent: int, pace: Pace | None) -> Standing:
    return standing_of(budget(window, limit), spent * NANO, pace, NOW_MS)


def ago(days: float) -> int:
    return NOW_MS - round(days * DAY_MS)


def test_a_month_goes_on_as_it_began() -> None:
    # 43 of 100 in the 21.5 days since the first: two a day, eight and a half days are left.
    standing = stands("month", 100, 43, Pace(43 * NANO, 500, ago(21.5)))
    assert standing.forecast_nano == 60 * NANO
    assert standing.exhausted_at_ms is None
    assert standing.basis == "window so far"
    assert standing.basis_since_ms == bounds("month", NOW_MS).start_ms


def test_it_says_when_a_budget_will_be_spent() -> None:
    standing = stands("month", 47, 43, Pace(43 * NANO, 500, ago(21.5)))
    assert standing.exhausted_at_ms == NOW_MS + 2 * DAYS
    assert standing.forecast_nano == 60 * NANO


def test_a_day_is_judged_by_the_last_week() -> None:
    standing = stands("day", 10, 6, Pace(56 * NANO, 90, ago(7)))
    assert standing.basis == "last 7 days"
    assert standing.forecast_nano == 10 * NANO  # eight a day, half a day is left
    assert standing.exhausted_at_ms is None  # exactly at the window's end is not before it


def test_what_never_begins_anew_has_only_an_end() -> None:
    standing = stands("total", 100, 50, Pace(50 * NANO, 90, ago(25)))
    assert standing.forecast_nano is None
    assert standing.exhausted_at_ms == NOW_MS + 25 * DAYS
    assert standing.basis == "since the first request"


def test_the_first_request_is_the_beginning() -> None:
    standing = stands("month", 100, 8, Pace(8 * NANO, 90, ago(4)))
    assert standing.basis == "since the first request"
    assert standing.basis_since_ms == ago(4)
    assert standing.forecast_nano == 25 * NANO


@pytest.mark.parametrize(
    "pace",
    [
        None,
        Pace(8 * NANO, REQUESTS_LEAST - 1, ago(4)),
        Pace(8 * NANO, 500, ago(0.9)),
    ],
)
def test_too_little_says_nothing(pace: Pace | None) -> None:
    assert stands("month", 100, 8, pace) == Standing(spent_nano=8 * NANO)


def test_what_is_free_lasts_and_what_is_spent_is_spent() -> None:
    free = stands("month", 100, 0, Pace(0, 500, ago(9)))
    assert (free.forecast_nano, free.exhausted_at_ms) == (0, None)
    gone = stands("month", 40, 43, Pace(43 * NANO, 500, ago(21.5)))
    assert gone.exhausted_at_ms is None
    assert gone.forecast_nano == 60 * NANO


@given(
    window=st.sampled_from(("day", "month", "total")),
    limit=st.integers(0, 10**6),
    spent=st.integers(0, 10**6),
    paid=st.integers(0, 10**15),
    requests=st.integers(0, 10**6),
    days=st.floats(0, 400),
)
def test_it_never_says_what_cannot_be(
    window: Window, limit: int, spent: int, paid: int, requests: int, days: float
) -> None:
    standing = stands(window, limit, spent, Pace(paid, requests, ago(days)))
    end_ms = bounds(window, NOW_MS).end_ms
    if standing.forecast_nano is not None:
        assert standing.forecast_nano >= standing.spent_nano
    if standing.exhausted_at_ms is not None:
        assert standing.exhausted_at_ms > NOW_MS
        assert end_ms is None or standing.exhausted_at_ms < end_ms
        if standing.forecast_nano is not None:
            assert standing.forecast_nano >= limit * NANO
    assert (standing.basis is None) == (standing.basis_since_ms is None)


def test_without_budgets_nothing_is_read(store: Store) -> None:
    with store.read() as c:
        assert standings(c, [], NOW_MS) == {}
        assert standings(c, [budget()], NOW_MS) == {"b": Standing(spent_nano=0)}
