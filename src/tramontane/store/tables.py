"""Tables that can be asked by SQL: of documents, or of connections to databases elsewhere.

It does not know what is in them, nor who may see one: the studio asks their library or connection.
`columns` and `notes` are JSON of `tables.profile`, which stands above this floor.
"""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, insert, select, update

from tramontane.errors import NotFound
from tramontane.store import schema
from tramontane.store.names import new_id


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table. `name` is what SQL calls it: in its document's file, or for its connection.

    `columns`: JSON of its columns' profiles; `notes`: JSON of what to know about it.
    """

    id: str
    library_id: str | None = None
    document_id: str | None = None
    connection_id: str | None = None
    name: str
    title: str
    row_count: int | None
    columns: bytes
    notes: bytes
    created_at_ms: int


class NewTable(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a table before it is kept."""

    name: str
    title: str
    row_count: int | None
    columns: bytes
    notes: bytes


def add_of_document(
    c: Connection, library_id: str, document_id: str, made: Iterable[NewTable], now_ms: int
) -> list[Table]:
    """Keep the tables of a document, in their order; return them."""
    return _add(c, made, now_ms, library_id=library_id, document_id=document_id)


def put_of_connection(
    c: Connection, connection_id: str, made: Iterable[NewTable], now_ms: int
) -> list[Table]:
    """Keep these as the tables of a connection; those known by name keep their identifiers."""
    known = {each.title: each for each in list_of_connections(c, [connection_id])}
    kept: list[Table] = []
    new: list[NewTable] = []
    for table in made:
        before = known.pop(table.title, None)
        if before is None:
            new.append(table)
            continue
        changes = msgspec.structs.asdict(table)
        changes["name"] = before.name  # SQL that was kept stays good
        t = schema.tables
        c.execute(update(t).where(t.c.id == before.id).values(**changes))
        kept.append(msgspec.structs.replace(before, **changes))
    gone = [each.id for each in known.values()]
    c.execute(delete(schema.tables).where(schema.tables.c.id.in_(gone)))
    return [*kept, *_add(c, new, now_ms, connection_id=connection_id)]


def _add(c: Connection, made: Iterable[NewTable], now_ms: int, **of: str) -> list[Table]:
    tables = []
    for each in made:
        fields: dict[str, Any] = {**of, **msgspec.structs.asdict(each)}
        tables.append(Table(id=new_id("tbl"), created_at_ms=now_ms, **fields))
    if tables:
        c.execute(insert(schema.tables), [msgspec.structs.asdict(table) for table in tables])
    return tables


def get(c: Connection, table_id: str) -> Table:
    """Return that table. Raises NotFound."""
    row = c.execute(_selected().where(schema.tables.c.id == table_id)).mappings().one_or_none()
    if row is None:
        raise missing()
    return Table(**row)


def missing() -> NotFound:
    """Return the error for a table that is not there, or not for who asks."""
    return NotFound("there is no such table", param="table_id")


def list_of_libraries(c: Connection, library_ids: Collection[str]) -> list[Table]:
    """Return the tables of the latest versions of the documents in those libraries."""
    t, d = schema.tables.c, schema.documents.c
    query = (
        _selected()
        .join(schema.documents, d.id == t.document_id)
        .where(t.library_id.in_(list(library_ids)), d.superseded_at_ms.is_(None))
    )
    return _ordered(c, query)


def list_of_connections(c: Connection, connection_ids: Collection[str]) -> list[Table]:
    """Return the tables that are known of those connections."""
    return _ordered(c, _selected().where(schema.tables.c.connection_id.in_(list(connection_ids))))


def _ordered(c: Connection, query: Select[Any]) -> list[Table]:
    t = schema.tables.c
    return [Table(**row) for row in c.execute(query.order_by(t.created_at_ms, t.id)).mappings()]


def _selected() -> Select[Any]:
    return select(schema.tables)
