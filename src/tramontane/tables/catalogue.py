"""From tables in the store to tables in SQL, and from a loaded file to tables in the store.

It does not know who may ask which.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.store import connections
from tramontane.store.connections import Connection
from tramontane.store.tables import NewTable, Table
from tramontane.tables import names
from tramontane.tables.load import Loaded
from tramontane.tables.profile import ColumnProfile, Note
from tramontane.tables.query import QueryTable, data_path
from tramontane.tables.target import Target

columns_of = msgspec.json.Decoder(tuple[ColumnProfile, ...]).decode
"""Return the profiles in a stored table's `columns`."""
notes_of = msgspec.json.Decoder(tuple[Note, ...]).decode
"""Return the notes in a stored table's `notes`."""


def kept(loaded: Iterable[Loaded]) -> list[NewTable]:
    """Return loaded tables as the store keeps them."""
    return [
        NewTable(
            name=each.name,
            title=each.title,
            row_count=each.row_count if each.row_count >= 0 else None,
            columns=msgspec.json.encode(each.columns),
            notes=msgspec.json.encode(each.notes),
        )
        for each in loaded
    ]


def queryable(
    tables: Sequence[Table],
    folder: Path,
    known: Iterable[Connection] = (),
    pepper: bytes = b"",
) -> list[QueryTable]:
    """Return those tables as SQL may ask them, in their order; equal names get `_2`, `_3`, ….

    `folder` has the files of documents' tables, `known` the connections that others are at. Raises
    ConfigError where an address cannot be unsealed.
    """
    places = {each.id: each for each in known}
    made = names.distinct(table.name for table in tables)
    found = []
    for table, name in zip(tables, made, strict=True):
        if table.document_id is not None:
            path = str(data_path(folder, table.document_id))
            found.append(QueryTable(name=name, path=path, inner=table.name))
        elif table.connection_id in places:
            target = target_of(table, places[table.connection_id], pepper)
            found.append(QueryTable(name=name, connection=target))
        else:
            raise InvalidRequest("A table is at a connection that is gone.", code="sql_refused")
    return found


def target_of(table: Table, connection: Connection, pepper: bytes) -> Target:
    """Return where a connection's table is. A title is the table's real name, after its schema."""
    columns = columns_of(table.columns)
    return Target(
        kind=connection.kind,  # type: ignore[arg-type]  # checked when it was entered
        url=connections.url_of(connection, pepper),
        table=tuple(table.title.split(".", 1)),
        columns=tuple((column.name, column.title) for column in columns),
    )
