"""Providers entered by a command or in the page: accounts with those who serve models.

It does not know the providers of the configuration file, nor whether one answers.
"""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tramontane.store import schema
from tramontane.store.database import bump_revision
from tramontane.store.names import check_name, unknown
from tramontane.store.records import StoredProvider


def put(c: Connection, provider: StoredProvider) -> None:
    """Keep `provider` in place of one of the same name. Raises InvalidRequest."""
    check_name("provider", provider.name)
    table = schema.providers
    c.execute(delete(table).where(table.c.name == provider.name))
    c.execute(insert(table), msgspec.structs.asdict(provider))
    bump_revision(c)


def list_all(c: Connection) -> list[StoredProvider]:
    """Return every stored provider by name."""
    rows = c.execute(select(schema.providers).order_by(schema.providers.c.name))
    return [StoredProvider(**row) for row in rows.mappings()]


def get(c: Connection, name: str) -> StoredProvider:
    """Return that provider. Raises NotFound with the nearest names."""
    table = schema.providers
    row = c.execute(select(table).where(table.c.name == name)).mappings().one_or_none()
    if row is None:
        raise unknown("provider", name, c.scalars(select(table.c.name)), "provider")
    return StoredProvider(**row)


def remove(c: Connection, name: str) -> None:
    """Forget that provider and its key. Raises NotFound with the nearest names."""
    get(c, name)
    c.execute(delete(schema.providers).where(schema.providers.c.name == name))
    bump_revision(c)
