"""Times that have a name, as reports ask for them: today, the last thirty days, last month.

Pure calendar arithmetic, in UTC.
"""

from typing import Literal

from tramontane.store.windows import DAY_MS, bounds

Span = Literal["today", "yesterday", "7d", "30d", "90d", "month", "last_month"]
_DAYS = {"7d": 7, "30d": 30, "90d": 90}


def span_of(span: Span, now_ms: int) -> tuple[int, int]:
    """Return the first moment of `span` and the one after its last, in Unix milliseconds.

    What goes on (today, so many days, this month) ends with today.
    """
    today_ms = bounds("day", now_ms).start_ms
    tomorrow_ms = today_ms + DAY_MS
    if span == "yesterday":
        return today_ms - DAY_MS, today_ms
    if span in _DAYS:
        return max(0, tomorrow_ms - _DAYS[span] * DAY_MS), tomorrow_ms
    month_ms = bounds("month", now_ms).start_ms
    if span == "month":
        return month_ms, tomorrow_ms
    if span == "last_month":
        return bounds("month", max(0, month_ms - 1)).start_ms, month_ms
    return today_ms, tomorrow_ms
