"""Moments at the API's edge: RFC 3339 in UTC outside, Unix milliseconds inside."""

from datetime import UTC, datetime

from tramontane.errors import InvalidRequest
from tramontane.store.windows import time_name

_LAST_MS = 253_402_300_799_999  # the end of the year 9999


def optional_name(ms: int | None) -> str | None:
    """Return `ms` as YYYY-MM-DDTHH:MM:SSZ, or None."""
    return None if ms is None else time_name(ms)


def parse_moment(text: str, param: str) -> int:
    """Return Unix milliseconds for a date (its midnight, UTC) or an RFC 3339 moment.

    A moment without an offset is read as UTC. Raises InvalidRequest naming `param`.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        ms = int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{param}: write a date such as 2026-11-22 or a moment such as 2026-11-22T05:46:10Z.",
            param=param,
        ) from None
    if not 0 <= ms <= _LAST_MS:
        raise InvalidRequest(f"{param}: must lie between 1970 and 9999.", param=param)
    return ms


def parse_optional(text: str | None, param: str) -> int | None:
    """Return the same for a text that may be missing."""
    return None if text is None else parse_moment(text, param)
