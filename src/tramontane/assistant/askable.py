"""The tables that an answer may ask: those of the documents and connections in its scope.

Two with the same name in SQL get different ones here. It does not know how SQL is run
(`tables.query` does).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from tramontane.assistant.scope import Scope
from tramontane.guide.conversation import ColumnFacts, TableFacts
from tramontane.store import schema
from tramontane.tables.profile import ColumnProfile
from tramontane.tables.query import QueryTable, data_path

TABLES_MAX = 40
TOLD_TABLES_MAX = 20
TOLD_COLUMNS_MAX = 80
TOLD_VALUES_MAX = 8
TOLD_CHARACTERS_MAX = 12_000
VALUE_CHARACTERS_MAX = 40

_COLUMNS = msgspec.json.Decoder(tuple[ColumnProfile, ...]).decode


class Askable(msgspec.Struct, frozen=True, kw_only=True):
    """A table with its name in this answer's SQL, and where it is."""

    id: str
    document_id: str
    name: str
    title: str
    row_count: int | None
    columns: tuple[ColumnProfile, ...]
    place: QueryTable


def askable(c: Connection, scope: Scope, folder: Path) -> tuple[Askable, ...]:
    """Return the tables in `scope`, those of the question's own documents first. `folder` has the
    files with tables' rows. Names go by age, so that they stay what they were in earlier turns.
    """
    if not scope.library_ids:
        return ()
    t, d = schema.tables, schema.documents
    query = (
        select(t)
        .join(d, d.c.id == t.c.document_id)
        .where(
            d.c.library_id.in_(scope.library_ids),
            d.c.status == "ready",
            d.c.superseded_at_ms.is_(None),
        )
        .order_by(t.c.created_at_ms, t.c.id)
    )
    found = _named([dict(row) for row in c.execute(query).mappings()], folder)
    first = {id_: at for at, id_ in enumerate(scope.attached)}
    return tuple(sorted(found, key=lambda one: first.get(one.document_id, len(first))))[:TABLES_MAX]


def _named(rows: Sequence[dict[str, Any]], folder: Path) -> tuple[Askable, ...]:
    taken: set[str] = set()
    found = []
    for row in rows:
        name, count = row["name"], 1
        while name.lower() in taken:
            count += 1
            name = f"{row['name']}_{count}"
        taken.add(name.lower())
        path = str(data_path(folder, row["document_id"]))
        found.append(
            Askable(
                id=row["id"],
                document_id=row["document_id"],
                name=name,
                title=row["title"],
                row_count=row["row_count"],
                columns=_COLUMNS(row["columns"]),
                place=QueryTable(name=name, path=path, inner=row["name"]),
            )
        )
    return tuple(found)


def facts(tables: Sequence[Askable]) -> tuple[TableFacts, ...]:
    """Return what the guide is told of them."""
    return tuple(
        TableFacts(
            name=table.name,
            title=table.title,
            row_count=table.row_count or 0,
            columns=tuple(_column_facts(column) for column in table.columns),
        )
        for table in tables
    )


def _column_facts(column: ColumnProfile) -> ColumnFacts:
    return ColumnFacts(
        name=column.name,
        title=column.title,
        type=column.type,
        values=tuple(value for value, _ in column.top),
        minimum=column.minimum,
        maximum=column.maximum,
        distinct=column.distinct,
    )


def description(tables: Sequence[Askable]) -> str:
    """Return what a model is told of them: names, types and the commonest values, cut to what is
    bearable.
    """
    lines: list[str] = []
    for table in tables[:TOLD_TABLES_MAX]:
        rows = "" if table.row_count is None else f", {table.row_count} rows"
        lines.append(f"table {_quoted(table.name)}: {_one_line(table.title)}{rows}")
        lines += [f"  {_column(column)}" for column in table.columns[:TOLD_COLUMNS_MAX]]
        if len(table.columns) > TOLD_COLUMNS_MAX:
            lines.append(f"  … {len(table.columns) - TOLD_COLUMNS_MAX} more columns")
    if len(tables) > TOLD_TABLES_MAX:
        names = ", ".join(_quoted(table.name) for table in tables[TOLD_TABLES_MAX:])
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
