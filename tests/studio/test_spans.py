"""Times by name."""

from datetime import UTC, datetime

import pytest

from tramontane.studio.spans import Span, span_of


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("span", "since", "until"),
    [
        ("today", "2026-03-01", "2026-03-02"),
        ("yesterday", "2026-02-28", "2026-03-01"),
        ("7d", "2026-02-23", "2026-03-02"),
        ("30d", "2026-01-31", "2026-03-02"),
        ("90d", "2025-12-02", "2026-03-02"),
        ("month", "2026-03-01", "2026-03-02"),
        ("last_month", "2026-02-01", "2026-03-01"),
    ],
)
def test_spans(span: Span, since: str, until: str) -> None:
    assert span_of(span, at("2026-03-01T23:59:59")) == (at(since), at(until))


def test_the_beginning_of_time() -> None:
    for span in ("90d", "last_month", "yesterday"):
        since_ms, until_ms = span_of(span, 5)
        assert since_ms <= until_ms
