"""Where a connection's table is: what a question to it needs, besides the SQL."""

from typing import Literal

import msgspec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A table at a connection: `url` with the secret in it, the table's real name (its schema
    first), and what each column is called in SQL and there.
    """

    kind: Literal["sqlite", "postgresql", "mysql"]
    url: str
    table: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
