"""Functions that questions use and SQLite lacks, added to a connection: parts of dates, medians.

Dates are ISO 8601 text, as SQLite keeps them. What is no date gives NULL, as SQLite's own do.
"""

import datetime as dt
import math
import sqlite3
import statistics
from collections.abc import Callable
from typing import Any


def add(connection: sqlite3.Connection) -> None:
    """Add them all."""
    connection.create_function("date_part", 2, _part, deterministic=True)
    connection.create_function("date_trunc", 2, _truncated, deterministic=True)
    for name, made in _AGGREGATES.items():
        connection.create_aggregate(name, 1, _aggregate(made))
    made_quantile: Any = _Quantile
    for name in ("quantile_cont", "approx_quantile"):
        connection.create_aggregate(name, 2, made_quantile)


def _moment(value: Any) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _part(unit: str, value: Any) -> int | None:
    at = _moment(value)
    if at is None:
        return None
    if unit == "quarter":
        return (at.month + 2) // 3
    if unit in ("week", "weekofyear"):
        return at.isocalendar().week
    if unit in ("dow", "dayofweek", "weekday"):
        return at.isoweekday() % 7
    if unit in ("doy", "dayofyear"):
        return at.timetuple().tm_yday
    return getattr(at, unit, None) if unit in _FIELDS else None


_FIELDS = ("year", "month", "day", "hour", "minute", "second")


def _truncated(unit: str, value: Any) -> str | None:
    at = _moment(value)
    if at is None:
        return None
    day = at.date()
    if unit == "year":
        return day.replace(month=1, day=1).isoformat()
    if unit == "quarter":
        return day.replace(month=(at.month - 1) // 3 * 3 + 1, day=1).isoformat()
    if unit == "month":
        return day.replace(day=1).isoformat()
    if unit == "week":
        return (day - dt.timedelta(days=day.weekday())).isoformat()
    if unit == "day":
        return day.isoformat()
    if unit == "hour":
        return at.replace(minute=0, second=0, microsecond=0).isoformat()
    return None


def _aggregate(finish: Callable[[list[float]], float | None]) -> Any:
    class Aggregate:
        def __init__(self) -> None:
            self.values: list[float] = []

        def step(self, value: Any) -> None:
            if isinstance(value, int | float):
                self.values.append(value)

        def finalize(self) -> float | None:
            return finish(self.values)

    return Aggregate


class _Quantile:
    def __init__(self) -> None:
        self.values: list[float] = []
        self.at = 0.5

    def step(self, value: Any, at: Any) -> None:
        self.at = float(at)
        if isinstance(value, int | float):
            self.values.append(value)

    def finalize(self) -> float | None:
        if not self.values:
            return None
        found = sorted(self.values)
        place = self.at * (len(found) - 1)
        low, high = found[math.floor(place)], found[math.ceil(place)]
        return low + (high - low) * (place - math.floor(place))


def _of_two(finish: Callable[[list[float]], float]) -> Callable[[list[float]], float | None]:
    return lambda values: finish(values) if len(values) > 1 else None


_AGGREGATES: dict[str, Callable[[list[float]], float | None]] = {
    "median": lambda values: statistics.median(values) if values else None,
    "mode": lambda values: statistics.mode(values) if values else None,
    "stddev": _of_two(statistics.stdev),
    "stddev_samp": _of_two(statistics.stdev),
    "stddev_pop": lambda values: statistics.pstdev(values) if values else None,
    "variance": _of_two(statistics.variance),
    "var_samp": _of_two(statistics.variance),
    "var_pop": lambda values: statistics.pvariance(values) if values else None,
}
