"""The engines' children as their supervisor last saw them: where gateways learn addresses."""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tramontane.store import schema
from tramontane.store.database import bump_revision
from tramontane.store.records import EngineInstance


def put_instance(c: Connection, instance: EngineInstance) -> None:
    """Keep `instance` in place of what was known of its deployment's child."""
    table = schema.engine_instances
    c.execute(delete(table).where(table.c.deployment == instance.deployment))
    c.execute(insert(table), msgspec.structs.asdict(instance))
    bump_revision(c)


def list_instances(c: Connection) -> list[EngineInstance]:
    """Return every known child by its deployment's name."""
    table = schema.engine_instances
    rows = c.execute(select(table).order_by(table.c.deployment))
    return [EngineInstance(**row) for row in rows.mappings()]


def remove_instance(c: Connection, deployment: str) -> None:
    """Forget the child of that deployment; nothing happens where none is known."""
    table = schema.engine_instances
    if c.execute(delete(table).where(table.c.deployment == deployment)).rowcount:
        bump_revision(c)
