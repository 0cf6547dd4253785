"""What stands in a table, column by column: computed once when it is loaded, by SQL.

It does not know where the table came from. The figures are exact up to `EXACT_ROWS` rows; above
that, distinct values, median and most frequent ones are DuckDB's approximations.
"""

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ColumnType = Literal["number", "text", "date", "moment", "truth"]
EXACT_ROWS = 1_000_000
TOP_MOST = 40
BARS_MOST = 20
_SAFE_INTEGER = 2**53
_TEXT_MOST = 200


class Bar(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """How many values are from `start` (JSON: `from`) up to `end` (`to`, the last bar's included).

    Where both are the same, the bar stands for that one value.
    """

    start: Any
    end: Any
    count: int


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One column. `name` is its name in SQL, `title` what stood above it; `nulls` are empty cells.

    `unit`: what stood beside every number, such as "%" or "€". `decimals`: places after the point,
    None where it is no number or they vary without bound. Moments are ISO 8601 without a zone.
    """

    name: str
    title: str
    type: ColumnType
    nulls: int = 0
    distinct: int = 0
    minimum: Any = None
    maximum: Any = None
    mean: Any = None
    median: Any = None
    top: tuple[tuple[Any, int], ...] = ()
    histogram: tuple[Bar, ...] = ()
    unit: str | None = None
    decimals: int | None = None


class Note(msgspec.Struct, frozen=True):
    """Something a reader of the table should know: what was decided, or could not be read."""

    code: str
    message: str


def kind_of(sql_type: str) -> ColumnType:
    """Return what a column of that DuckDB type is to a reader."""
    word = sql_type.upper()
    if word == "BOOLEAN":
        return "truth"
    if word == "DATE":
        return "date"
    if word.startswith("TIMESTAMP") or word == "DATETIME":
        return "moment"
    if word.startswith(("DECIMAL", "NUMERIC")) or word in _NUMBERS:
        return "number"
    return "text"


_NUMBER_TYPES = (
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT BIGNUM"
    " FLOAT DOUBLE REAL"
)
_NUMBERS = frozenset(_NUMBER_TYPES.split())


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it without changing it.

    Numbers that a double would change are strings, as are NaN and the infinities; dates and
    moments are ISO 8601.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _plain_decimal(value: Decimal) -> Any:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value():
        return plain(int(value))
    near = float(value)
    return near if Decimal(repr(near)) == value else format(value, "f")


def quoted(name: str) -> str:
    """Return an identifier in SQL's quotation marks."""
    return '"' + name.replace('"', '""') + '"'


def profile(
    connection: "DuckDBPyConnection",
    table: str,
    columns: Sequence[tuple[str, str, str | None]],
) -> tuple[int, list[ColumnProfile]]:
    """Return the number of rows of `table` (as SQL writes it), and its columns' profiles.

    `columns` are (name in SQL, title, unit), in their order.
    """
    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    count = _one(connection, f"SELECT count(*) FROM {table}")[0]
    made = [
        _column(connection, table, count, name, title, unit, types[name])
        for name, title, unit in columns
    ]
    return count, made


def _one(connection: "DuckDBPyConnection", sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def _column(
    connection: "DuckDBPyConnection",
    table: str,
    rows: int,
    name: str,
    title: str,
    unit: str | None,
    sql_type: str,
) -> ColumnProfile:
    kind, column = kind_of(sql_type), quoted(name)
    is_exact = rows <= EXACT_ROWS
    distinct = f"count(DISTINCT {column})" if is_exact else f"approx_count_distinct({column})"
    mean, median = "NULL", "NULL"
    if kind == "number":
        mean = f"avg({column})"
        median = f"median({column})" if is_exact else f"approx_quantile({column}, 0.5)"
    ends = f"min({column}), max({column})"
    if kind == "text":
        ends = f"min({column}[:{_TEXT_MOST}]), max({column}[:{_TEXT_MOST}])"
    found = _one(
        connection, f"SELECT count({column}), {distinct}, {ends}, {mean}, {median} FROM {table}"
    )
    filled, different, least, most, average, middle = found
    different = min(int(different), filled)
    return ColumnProfile(
        name=name,
        title=title,
        type=kind,
        nulls=rows - filled,
        distinct=different,
        minimum=plain(least),
        maximum=plain(most),
        mean=_rounded(average),
        median=_rounded(middle),
        top=_top(connection, table, column, kind, different, filled, is_exact),
        histogram=_histogram(connection, table, column, kind, different, (least, most)),
        unit=unit,
        decimals=_decimals(sql_type) if kind == "number" else None,
    )


def _rounded(value: Any) -> Any:
    """Return a mean to 12 digits: what a double says beyond that is noise."""
    if value is None:
        return None
    number = float(value)
    return float(f"{number:.12g}") if math.isfinite(number) else None


def _decimals(sql_type: str) -> int | None:
    word = sql_type.upper()
    if word.startswith("DECIMAL"):
        return int(word.rpartition(",")[2].rstrip(")"))
    return None if word in ("DOUBLE", "FLOAT", "REAL") else 0


def _top(
    connection: "DuckDBPyConnection",
    table: str,
    column: str,
    kind: ColumnType,
    distinct: int,
    filled: int,
    is_exact: bool,
) -> tuple[tuple[Any, int], ...]:
    """Return the most frequent values with their counts; none where hardly any comes twice."""
    if not distinct or (distinct > 100 and distinct * 2 > filled):
        return ()
    if not is_exact and distinct > 100_000:
        return ()
    value = f"{column}[:{_TEXT_MOST}]" if kind == "text" else column
    rows = connection.execute(
        f"SELECT {value}, count(*) FROM {table} WHERE {column} IS NOT NULL"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {TOP_MOST}"
    ).fetchall()
    return tuple((plain(found), int(n)) for found, n in rows)


def _histogram(
    connection: "DuckDBPyConnection",
    table: str,
    column: str,
    kind: ColumnType,
    distinct: int,
    ends: tuple[Any, Any],
) -> tuple[Bar, ...]:
    if kind not in ("number", "date", "moment") or not distinct or None in ends:
        return ()
    if kind == "number" and not all(math.isfinite(float(end)) for end in ends):
        return ()
    if distinct <= BARS_MOST:
        rows = connection.execute(
            f"SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL"
            " GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return tuple(Bar(plain(value), plain(value), int(n)) for value, n in rows)
    return _bars(connection, table, column, kind)


def _bars(connection: "DuckDBPyConnection", table: str, column: str, kind: str) -> tuple[Bar, ...]:
    number = f"{column}::DOUBLE" if kind == "number" else f"epoch({column}::TIMESTAMP)"
    low, high = _one(connection, f"SELECT min({number}), max({number}) FROM {table}")
    if kind == "date":  # whole days
        days = round((high - low) / 86_400) + 1
        width = 86_400.0 * math.ceil(days / BARS_MOST)
    else:
        width = (high - low) / BARS_MOST if kind == "moment" else _even((high - low) / BARS_MOST)
        low = math.floor(low / width) * width if kind == "number" else low
    if width <= 0:
        return ()
    bars = math.floor((high - low) / width) + 1
    bars = min(bars, BARS_MOST + 2)
    rows = connection.execute(
        f"SELECT least(floor(({number} - {low!r}) / {width!r}), {bars - 1}), count(*)"
        f" FROM {table} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    counts = {int(bar): int(n) for bar, n in rows}
    made = []
    for bar in range(bars):
        start, end = low + bar * width, low + (bar + 1) * width
        made.append(Bar(_edge(start, kind), _edge(end, kind), counts.get(bar, 0)))
    while len(made) > 1 and not made[-1].count:
        made.pop()
    return tuple(_folded(made))


def _folded(bars: list[Bar]) -> list[Bar]:
    """Return at most BARS_MOST bars: the last ones taken together."""
    if len(bars) <= BARS_MOST:
        return bars
    rest = bars[BARS_MOST - 1 :]
    last = Bar(rest[0].start, rest[-1].end, sum(bar.count for bar in rest))
    return [*bars[: BARS_MOST - 1], last]


def _even(width: float) -> float:
    """Return the next larger of 1, 2, 2.5, 5 times a power of ten: edges that people can read."""
    power = 10.0 ** math.floor(math.log10(width))
    for step in (1.0, 2.0, 2.5, 5.0, 10.0):
        if step * power >= width * (1 - 1e-9):
            return step * power
    return width


def _edge(seconds: float, kind: str) -> Any:
    if kind == "number":
        return plain(float(f"{seconds:.12g}"))
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    return moment.date().isoformat() if kind == "date" else moment.isoformat()
