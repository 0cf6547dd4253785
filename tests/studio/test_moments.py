"""Moments: RFC 3339 outside, milliseconds inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest
from tramontane.store.windows import time_name
from tramontane.studio.moments import optional_name, parse_moment, parse_optional


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01", 0),
        ("2023-11-14", 1_699_920_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T22:13:20", 1_700_000_000_000),
        ("2023-11-14T22:13:20.5Z", 1_700_000_000_500),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000_000),
        ("2023-11-14 22:13:20+00:00", 1_700_000_000_000),
    ],
)
def test_what_is_a_moment(text: str, ms: int) -> None:
    assert parse_moment(text, "since") == ms


@pytest.mark.parametrize(
    "text", ["", "now", "14.11.2023", "2023-13-01", "0001-01-01T00:00:00+14:00", "1969-12-31"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_moment(text, "since")
    assert raised.value.param == "since"


@given(st.integers(0, 253_402_300_799))
def test_what_is_written_is_read(second: int) -> None:
    assert parse_moment(time_name(second * 1000), "since") == second * 1000


def test_nothing_stays_nothing() -> None:
    assert optional_name(None) is None
    assert parse_optional(None, "since") is None
