"""How values are written on the command line."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.cli.options import parse_amount, parse_expiry, parse_since, words
from tramontane.errors import InvalidRequest

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("30m", NOW_MS + 30 * 60_000),
        ("12h", NOW_MS + 12 * 3_600_000),
        ("30d", NOW_MS + 30 * 86_400_000),
        ("2w", NOW_MS + 14 * 86_400_000),
        ("2027-01-31", 1_801_353_600_000),
        ("2027-01-31T12:00", 1_801_396_800_000),
        ("2027-01-31T12:00+02:00", 1_801_389_600_000),
        ("2027-01-31T12:00:00Z", 1_801_396_800_000),
    ],
)
def test_expiry(text: str, expected_ms: int) -> None:
    assert parse_expiry(text, NOW_MS) == expected_ms


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)))
def test_any_moment_is_read_as_utc(moment: datetime) -> None:
    expected_ms = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    assert parse_since(moment.isoformat(), NOW_MS, "--since") == expected_ms


def test_since_counts_backwards() -> None:
    assert parse_since("7d", NOW_MS, "--since") == NOW_MS - 7 * 86_400_000
    assert parse_since(None, NOW_MS, "--since") is None


@given(st.text(max_size=12))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    for parse in (lambda t: parse_expiry(t, NOW_MS), parse_amount):
        with suppress(InvalidRequest):
            assert parse(text) >= 0


@pytest.mark.parametrize("text", ["", "d", "-5d", "5y", "5 d", "0001-01-01", "99999999999d"])
def test_wrong_moments(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_expiry(text, NOW_MS)


def test_words_come_with_commas_or_again() -> None:
    assert words(["a,b", " c ", ",", "d"]) == ["a", "b", "c", "d"]
    assert parse_amount("12.50") == 12_500_000_000
