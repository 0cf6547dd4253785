"""The calendar, against Python's own."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tramontane.store.records import Window
from tramontane.store.windows import bounds, day_name, time_name

TIMES_MS = st.integers(0, 4_102_444_800_000)  # to the year 2100


@given(TIMES_MS, st.sampled_from(["day", "month", "total"]))
def test_a_moment_is_in_its_window_and_windows_meet(now_ms: int, window: Window) -> None:
    found = bounds(window, now_ms)
    assert found.holds(now_ms)
    assert bounds(window, found.start_ms) == found
    if found.end_ms is not None:
        assert not found.holds(found.end_ms)
        assert bounds(window, found.end_ms - 1) == found
        assert bounds(window, found.end_ms).start_ms == found.end_ms


@given(TIMES_MS)
def test_days_and_months_are_those_of_the_calendar(now_ms: int) -> None:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert bounds("day", now_ms).start_ms == midnight.timestamp() * 1000
    assert bounds("month", now_ms).start_ms == midnight.replace(day=1).timestamp() * 1000
    assert day_name(now_ms) == now.date().isoformat()
    assert time_name(now_ms) == now.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_month_ends_where_the_next_begins() -> None:
    leap_day = int(datetime(2024, 2, 29, 23, 59, 59, 999_000, UTC).timestamp() * 1000)
    assert time_name(bounds("month", leap_day).end_ms or 0) == "2024-03-01T00:00:00Z"
    assert time_name(bounds("month", leap_day).start_ms) == "2024-02-01T00:00:00Z"
    december = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp() * 1000)
    assert time_name(bounds("month", december).end_ms or 0) == "2026-01-01T00:00:00Z"
