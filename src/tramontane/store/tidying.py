"""SQLite's full-text indexes, rewritten piece by piece so that they forget what was deleted.

Until then a deleted word is only marked. PostgreSQL's own vacuum does this: nothing is done there.
"""

from sqlite3 import Connection as SQLiteConnection
from typing import Literal

from sqlalchemy import Connection

_PAGES = 100


def tidy_index(
    c: Connection, table: Literal["messages_words", "passages_words"], *, is_first: bool
) -> bool:
    """Do a small piece of rewriting that index, from the beginning where `is_first`.

    Returns whether there is more to do.
    """
    if c.dialect.name != "sqlite":
        return False
    connection = c.connection.dbapi_connection
    assert isinstance(connection, SQLiteConnection)
    before = connection.total_changes
    pages = -_PAGES if is_first else _PAGES
    c.exec_driver_sql(f"INSERT INTO {table}({table}, rank) VALUES ('merge', {pages})")
    return connection.total_changes - before >= 2  # as SQLite's documentation says to ask
