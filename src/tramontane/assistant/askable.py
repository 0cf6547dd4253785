"""The tables that an answer may ask: those of the documents and connections in its scope.

Two with the same name in SQL get different ones here. It does not know how SQL is run
(`tables.query` does).
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from tramontane.assistant.scope import Scope
from tramontane.guide.conversation import ColumnFacts, TableFacts
from tramontane.store import connections, tables
from tramontane.tables.catalogue import columns_of, queryable
from tramontane.tables.profile import ColumnProfile
from tramontane.tables.query import QueryTable

TABLES_MAX = 40
TOLD_TABLES_MAX = 20
TOLD_COLUMNS_MAX = 80
TOLD_VALUES_MAX = 8
TOLD_CHARACTERS_MAX = 12_000
VALUE_CHARACTERS_MAX = 40
FACTS_COLUMNS_MAX = 200
FACTS_VALUE_MAX = 100


class Askable(msgspec.Struct, frozen=True, kw_only=True):
    """A table with its name in this answer's SQL, and where it is."""

    id: str
    document_id: str | None
    name: str
    title: str
    row_count: int | None
    columns: tuple[ColumnProfile, ...]
    place: QueryTable


def askable(c: Connection, scope: Scope, folder: Path, pepper: bytes) -> tuple[Askable, ...]:
    """Return the tables in `scope`, those of the question's own documents first. `folder` has the
    files with tables' rows, `pepper` unseals connections. Names go by age, so that they stay what
    they were in earlier turns. Raises ConfigError.
    """
    found = tables.list_of_libraries(c, scope.library_ids)
    found += tables.list_of_connections(c, scope.connection_ids)
    known = [connections.get(c, id_) for id_ in scope.connection_ids]
    places = queryable(found, folder, known, pepper)
    made = [
        Askable(
            id=table.id,
            document_id=table.document_id,
            name=place.name,
            title=table.title,
            row_count=table.row_count,
            columns=columns_of(table.columns),
            place=place,
        )
        for table, place in zip(found, places, strict=True)
    ]
    first = {id_: at for at, id_ in enumerate(scope.attached)}
    made.sort(key=lambda one: first.get(one.document_id or "", len(first)))
    return tuple(made[:TABLES_MAX])


def facts(known: Sequence[Askable]) -> tuple[TableFacts, ...]:
    """Return what the guide is told of them."""
    return tuple(
        TableFacts(
            name=table.name,
            title=table.title,
            row_count=table.row_count or 0,
            columns=tuple(_column_facts(c) for c in table.columns[:FACTS_COLUMNS_MAX]),
        )
        for table in known[:TOLD_TABLES_MAX]
    )


def _column_facts(column: ColumnProfile) -> ColumnFacts:
    return ColumnFacts(
        name=column.name,
        title=column.title,
        type=column.type,
        values=tuple(
            value[:FACTS_VALUE_MAX] if isinstance(value, str) else value for value, _ in column.top
        ),
        minimum=column.minimum,
        maximum=column.maximum,
        distinct=column.distinct,
    )


def description(known: Sequence[Askable]) -> str:
    """Return what a model is told of them: names, types and the commonest values, cut to what is
    bearable.
    """
    lines: list[str] = []
    for table in known[:TOLD_TABLES_MAX]:
        rows = "" if table.row_count is None else f", {table.row_count} rows"
        lines.append(f"table {_quoted(table.name)}: {_one_line(table.title)}{rows}")
        lines += [f"  {_column(column)}" for column in table.columns[:TOLD_COLUMNS_MAX]]
        if len(table.columns) > TOLD_COLUMNS_MAX:
            lines.append(f"  … {len(table.columns) - TOLD_COLUMNS_MAX} more columns")
    if len(known) > TOLD_TABLES_MAX:
        names = ", ".join(_quoted(table.name) for table in known[TOLD_TABLES_MAX:])
        lines.append(f"also: {names}")
    text = "\n".join(lines)
    return text if len(text) <= TOLD_CHARACTERS_MAX else f"{text[:TOLD_CHARACTERS_MAX]}\n…"


def _column(column: ColumnProfile) -> str:
    said = f"{_quoted(column.name)} {column.type}"
    if _one_line(column.title) != column.name:
        said += f" “{_one_line(column.title)}”"
    if column.unit:
        said += f", in {_one_line(column.unit)}"
    if column.type == "text" and column.top:
        values = "; ".join(_one_line(str(value)) for value, _ in column.top[:TOLD_VALUES_MAX])
        said += f": {values}" + ("; …" if column.distinct > TOLD_VALUES_MAX else "")
    elif column.minimum is not None:
        said += f", {_one_line(str(column.minimum))} to {_one_line(str(column.maximum))}"
    return said


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name == name.lower() else f'"{name}"'


def _one_line(text: str) -> str:
    return " ".join(text.split())[:VALUE_CHARACTERS_MAX]
