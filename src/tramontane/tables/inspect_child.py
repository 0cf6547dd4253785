"""The child that looks at a connection: its tables, and what stands in their first rows.

`python -m tramontane.tables.inspect_child`; an address as one line of JSON on stdin, the tables on
stdout. It keeps nothing.
"""

import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tramontane.tables import names
from tramontane.tables.address import Address
from tramontane.tables.confinement import confine
from tramontane.tables.load import Loaded
from tramontane.tables.loading.numbers import exact_type
from tramontane.tables.profile import Note, profile, quoted
from tramontane.tables.remote import RemoteError, Session, cell, kinds, opened

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLES_MAX = 200
COLUMNS_MAX = 300
SAMPLE_ROWS = 2_000
STATEMENT_S = 5.0
_OVERHEAD_BYTES = 3 * 1024**3
_TYPES = {"text": "VARCHAR", "date": "DATE", "moment": "TIMESTAMP", "truth": "BOOLEAN"}
_LISTS = {
    "sqlite": "SELECT '', name FROM sqlite_schema WHERE type IN ('table', 'view')"
    " AND name NOT LIKE 'sqlite_%' ORDER BY name",
    "postgresql": "SELECT table_schema, table_name FROM information_schema.tables"
    " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    " AND table_type IN ('BASE TABLE', 'VIEW', 'FOREIGN') ORDER BY table_schema, table_name",
    "mysql": "SELECT '', table_name FROM information_schema.tables"
    " WHERE table_schema = database() ORDER BY table_name",
}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at. `only_names`: whether it answers, and what its tables are called."""

    address: Address
    only_names: bool = False


class Refused(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    """It could not be read; the message is the database's own."""

    message: str


class Seen(msgspec.Struct, frozen=True, tag_field="type", tag="seen"):
    """Its tables; with names only, without columns."""

    tables: tuple[Loaded, ...]
    left_out: int = 0


def main() -> int:
    """Serve one order; return the exit status."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    confine(
        memory_bytes=512 * 1024**2 + _OVERHEAD_BYTES,
        processor_s=120,
        file_bytes=0,
        with_network=order.address.kind != "sqlite",
    )
    reply: Refused | Seen
    try:
        reply = _seen(order)
    except RemoteError as error:
        reply = Refused(error.message)
    sys.stdout.buffer.write(msgspec.json.encode(reply))
    sys.stdout.buffer.flush()
    os._exit(0)


def _seen(order: Order) -> Seen:
    kind = order.address.kind
    session = opened(order.address, STATEMENT_S)
    _, fetch = session.run(_LISTS[kind])
    found = [(str(schema), str(name)) for schema, name in fetch(10_000)]
    left = max(0, len(found) - TABLES_MAX)
    found = found[:TABLES_MAX]
    if order.only_names:
        made = [Loaded(name="", title=_title(*table), row_count=0, columns=()) for table in found]
        return Seen(tuple(made), left)
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 1, "temp_directory": ""})
    called = names.distinct(names.plain(name, "table") for _, name in found)
    tables = []
    for (schema, name), as_called in zip(found, called, strict=True):
        tables.append(_table(session, connection, kind, schema, name, as_called))
    return Seen(tuple(tables), left)


def _title(schema: str, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _table(
    session: Session,
    connection: "DuckDBPyConnection",
    kind: str,
    schema: str,
    name: str,
    as_called: str,
) -> Loaded:
    mark = "`" if kind == "mysql" else '"'
    parts = [part for part in (schema, name) if part]
    place = ".".join(mark + part.replace(mark, mark * 2) + mark for part in parts)
    title = _title(schema, name)
    try:
        titles, fetch = session.run(f"SELECT * FROM {place} LIMIT {SAMPLE_ROWS}")
        rows = [[cell(value) for value in row] for row in fetch(SAMPLE_ROWS)]
        is_kind = kinds(len(titles), _raw(session, place))
    except RemoteError as error:
        note = Note("unreadable", f"This table cannot be read: {error.message}")
        return Loaded(name=as_called, title=title, row_count=0, columns=(), notes=(note,))
    notes = []
    if len(titles) > COLUMNS_MAX:
        notes.append(Note("columns_left_out", f"{len(titles) - COLUMNS_MAX} columns are left out."))
        titles = titles[:COLUMNS_MAX]
    count = _count(session, place)
    if len(rows) == SAMPLE_ROWS and count != SAMPLE_ROWS:
        notes.append(
            Note("sampled", f"The profile is of the first {SAMPLE_ROWS:,} rows, not of all.")
        )
    called = names.distinct(names.plain(each, f"column_{n}") for n, each in enumerate(titles, 1))
    _fill(connection, called, is_kind, rows)
    columns = [(here, there, None) for here, there in zip(called, titles, strict=True)]
    _, profiles = profile(connection, "sample", columns)
    return Loaded(
        name=as_called,
        title=title,
        row_count=-1 if count is None else count,
        columns=tuple(profiles),
        notes=tuple(notes),
    )


def _raw(session: Session, place: str) -> Sequence[Sequence[Any]]:
    _, fetch = session.run(f"SELECT * FROM {place} LIMIT {SAMPLE_ROWS}")
    return fetch(SAMPLE_ROWS)


def _count(session: Session, place: str) -> int | None:
    try:
        _, fetch = session.run(f"SELECT count(*) FROM {place}")
        return int(fetch(2)[0][0])
    except RemoteError:
        return None


def _fill(
    connection: "DuckDBPyConnection",
    called: Sequence[str],
    is_kind: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    """Make the table `sample` of those rows."""
    cells, values = [], []
    for column, name in enumerate(called):
        own = [None if row[column] is None else str(row[column]) for row in rows]
        kind = is_kind[column]
        sql_type = _number(own) if kind == "number" else _TYPES[kind]
        cells.append(f"TRY_CAST(unnest(${column + 1}::VARCHAR[]) AS {sql_type}) AS {quoted(name)}")
        values.append(own)
    connection.execute(f"CREATE OR REPLACE TABLE sample AS SELECT {', '.join(cells)}", values)


def _number(cells: Sequence[str | None]) -> str:
    whole = decimals = 0
    for each in cells:
        if each is None:
            continue
        number = Decimal(each)
        if not number.is_finite():
            return "DOUBLE"
        _, digits, exponent = number.as_tuple()
        assert isinstance(exponent, int)
        decimals = max(decimals, -exponent)
        whole = max(whole, len(digits) + exponent)
    return exact_type(max(whole, 1), decimals) or "DOUBLE"


if __name__ == "__main__":
    sys.exit(main())
