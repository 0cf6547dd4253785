"""The UTC windows that budgets count in.

Pure calendar arithmetic; it does not know what was spent. A charge belongs to the windows in
which its request began (`UsageRecord.started_at_ms`), however late it settles.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from tramontane.store.records import Window

DAY_MS = 86_400_000
LAST_MS = 253_402_300_799_999  # the end of the year 9999
_EPOCH = date(1970, 1, 1)


class Bounds(NamedTuple):
    """From `start_ms` up to, not including, `end_ms`; None where it never ends."""

    start_ms: int
    end_ms: int | None

    def holds(self, at_ms: int) -> bool:
        """Return whether `at_ms` falls into the window."""
        return self.start_ms <= at_ms and (self.end_ms is None or at_ms < self.end_ms)


def bounds(window: Window, now_ms: int) -> Bounds:
    """Return the window of that kind that `now_ms` falls in; a total window is all of time."""
    if window == "total":
        return Bounds(0, None)
    day = now_ms // DAY_MS
    if window == "day":
        return Bounds(day * DAY_MS, (day + 1) * DAY_MS)
    first = (_EPOCH + timedelta(days=day)).replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Bounds(_midnight_ms(first), _midnight_ms(following))


def day_name(at_ms: int) -> str:
    """Return the UTC day of `at_ms` as YYYY-MM-DD."""
    return (_EPOCH + timedelta(days=at_ms // DAY_MS)).isoformat()


def time_name(at_ms: int) -> str:
    """Return `at_ms` as YYYY-MM-DDTHH:MM:SSZ."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str) -> int:
    """Return Unix milliseconds for a date (its midnight) or moment of ISO 8601, UTC unless it says.

    Raises ValueError where it is none, or lies outside 1970 to 9999.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        ms = int(moment.timestamp() * 1000)
    except OverflowError as error:
        raise ValueError(text) from error
    if not 0 <= ms <= LAST_MS:
        raise ValueError(text)
    return ms


def _midnight_ms(day: date) -> int:
    return (day - _EPOCH).days * DAY_MS
