"""Moments at the API's edge: RFC 3339 in UTC outside, Unix milliseconds inside."""

from tramontane.errors import InvalidRequest
from tramontane.store.windows import read_time, time_name


def optional_name(ms: int | None) -> str | None:
    """Return `ms` as YYYY-MM-DDTHH:MM:SSZ, or None."""
    return None if ms is None else time_name(ms)


def parse_moment(text: str, param: str) -> int:
    """Return Unix milliseconds for a date (its midnight, UTC) or an RFC 3339 moment.

    A moment without an offset is read as UTC. Raises InvalidRequest naming `param`.
    """
    try:
        return read_time(text)
    except ValueError:
        raise InvalidRequest(
            f"{param}: write a date such as 2026-11-22 or a moment such as 2026-11-22T05:46:10Z,"
            " between 1970 and 9999.",
            param=param,
        ) from None


def parse_optional(text: str | None, param: str) -> int | None:
    """Return the same for a text that may be missing."""
    return None if text is None else parse_moment(text, param)
