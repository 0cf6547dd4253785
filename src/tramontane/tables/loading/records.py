"""Reads what has columns and types of its own: Parquet, JSON, SQLite files.

Nested values become columns of their own one level down, and JSON text below that. It does not
know what the columns mean.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tramontane.tables import names
from tramontane.tables.loading.delimited import too_wide
from tramontane.tables.loading.sheet import EXTRA, Sheet, Unloadable, Writer, text
from tramontane.tables.profile import Note, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OBJECT_BYTES_MAX = 64 * 1024 * 1024
_ROWS_AT_ONCE = 10_000


def parquet(connection: "DuckDBPyConnection", path: Path, name: str, columns_max: int) -> Sheet:
    """Return the table in that Parquet file, with its own types. Raises Unloadable."""
    source = f"read_parquet({_quoted(path)})"
    return _typed(connection, source, names.of_file(name), columns_max, is_native=True)


def json(connection: "DuckDBPyConnection", path: Path, name: str, columns_max: int) -> Sheet:
    """Return the table in that JSON file: an array of objects, or one object a line.

    An object with one array of objects in it counts as that array. Raises Unloadable.
    """
    import duckdb

    options = f"sample_size = 20000, maximum_object_size = {_OBJECT_BYTES_MAX}, maximum_depth = 5"
    source = f"read_json({_quoted(path)}, {options})"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        inner = _array_in(described)
        if inner is not None:
            source = f"(SELECT unnest({quoted(inner)}, max_depth := 2) FROM {source})"
        return _typed(connection, source, names.of_file(name), columns_max, is_native=False)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise Unloadable(
            "unreadable", f"This JSON is no table: {str(error).partition(chr(10))[0][:300]}"
        ) from None


def _array_in(described: list[tuple[Any, ...]]) -> str | None:
    """Return the only column that is an array of objects, where the rest is small beside it."""
    arrays = [
        row[0] for row in described if str(row[1]).startswith("STRUCT(") and row[1][-1] == "]"
    ]
    return arrays[0] if len(arrays) == 1 else None


def _typed(
    connection: "DuckDBPyConnection", source: str, title: str, columns_max: int, is_native: bool
) -> Sheet:
    described = [
        (str(row[0]), str(row[1]))
        for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    ]
    columns: list[tuple[str, str]] = []
    for name, kind in described:
        columns.extend(_flat(connection, name, kind))
    if not columns:
        raise Unloadable("empty", "There are no columns in this file.")
    if len(columns) > columns_max:
        raise too_wide(len(columns), columns_max)
    if not is_native:
        columns = [(shown, f"CAST({cell} AS VARCHAR)") for shown, cell in columns]
    cells = ", ".join(f"{cell} AS c{number}" for number, (_, cell) in enumerate(columns))
    return Sheet(
        title=title,
        titles=[shown for shown, _ in columns],
        select=f"SELECT {cells} FROM {source}",
        has_comma=None if is_native else False,
    )


def _flat(connection: "DuckDBPyConnection", name: str, kind: str) -> Iterator[tuple[str, str]]:
    column = quoted(name)
    if kind.startswith("STRUCT(") and kind.endswith(")"):
        below = connection.execute(
            f"DESCRIBE SELECT unnest(x) FROM (SELECT NULL::{kind} AS x)"
        ).fetchall()
        for row in below:
            cell = f"{column}.{quoted(str(row[0]))}"
            yield f"{name} {row[0]}", _cell(cell, str(row[1]))
    else:
        yield name, _cell(column, kind)


def _cell(cell: str, kind: str) -> str:
    """Return the SQL of a cell in a type that questions can be asked of."""
    if kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(", "UNION(")):
        return f"CAST(to_json({cell}) AS VARCHAR)"
    if kind == "JSON":
        return f"({cell} ->> '$')"
    if kind == "BLOB":
        return f"hex({cell})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"({cell} AT TIME ZONE 'UTC')"
    if kind.startswith("TIMESTAMP_"):
        return f"CAST({cell} AS TIMESTAMP)"
    if kind.startswith(("TIME", "INTERVAL", "UUID", "ENUM", "BIT")) and kind != "TIMESTAMP":
        return f"CAST({cell} AS VARCHAR)"
    return cell


def sqlite(path: Path, folder: Path, columns_max: int, tables_max: int) -> Iterator[Sheet | Note]:
    """Yield the tables of that SQLite file. Raises Unloadable."""
    connection = sqlite3.connect(f"file:{_uri(path)}?mode=ro&immutable=1", uri=True)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = lambda found: found.decode("utf-8", "replace")
        found = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid"
        ).fetchall()
        if not found:
            raise Unloadable("empty", "There are no tables in this database.")
        if len(found) > tables_max:
            left = len(found) - tables_max
            yield Note("tables_left_out", f"{left} tables of this database were not loaded.")
        for number, (name,) in enumerate(found[:tables_max]):
            yield _table(connection, name, folder / f"table{number}.csv", columns_max)
    except sqlite3.DatabaseError as error:
        raise Unloadable("unreadable", f"This database cannot be read: {error}"[:300]) from None
    finally:
        connection.close()


def _table(connection: sqlite3.Connection, name: str, path: Path, columns_max: int) -> Sheet:
    result = connection.execute(f"SELECT * FROM {quoted(name)}")
    titles = [column[0] for column in result.description]
    if len(titles) > columns_max:
        raise too_wide(len(titles), columns_max)
    writer = Writer(path, len(titles))
    number = 0
    try:
        while rows := result.fetchmany(_ROWS_AT_ONCE):
            for row in rows:
                number += 1
                writer.write([_stored(value) for value in row], number)
    finally:
        writer.close()
    return Sheet(title=name, titles=[*titles, EXTRA], path=path, has_comma=False)


def _stored(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else text(value)


def _uri(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
