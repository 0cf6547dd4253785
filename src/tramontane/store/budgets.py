"""Budgets: what a project or one of its keys may spend per day, per month or in total.

It does not know what was spent: `store.usage` and the gateway's ledger do.
"""

from typing import get_args

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tramontane.errors import InvalidRequest
from tramontane.store import keys, projects, schema
from tramontane.store.database import bump_revision
from tramontane.store.names import new_id
from tramontane.store.records import Budget, Window

WINDOWS: tuple[Window, ...] = get_args(Window)
_MOST_NANO = 2**62


def set(  # noqa: A001 - read as budgets.set
    c: Connection,
    *,
    project_id: str,
    key_id: str | None = None,
    window: Window,
    limit_nano: int | None,
) -> Budget | None:
    """Return the budget, which replaces the one of that window; None where `limit_nano` is.

    `limit_nano` None takes the budget away. Raises NotFound, InvalidRequest.
    """
    project = projects.get(c, project_id)
    key = keys.get(c, key_id) if key_id is not None else None
    if key is not None and key.project_id != project.id:
        raise InvalidRequest(f"{key.id} is no key of {project.name}", param="key_id")
    if window not in WINDOWS:
        raise InvalidRequest(f"a window is one of {', '.join(WINDOWS)}", param="window")
    if limit_nano is not None and not 0 <= limit_nano <= _MOST_NANO:
        raise InvalidRequest("a budget must be zero or more, and below 4.6e9", param="limit_nano")
    table = schema.budgets
    owner = table.c.key_id.is_(None) if key is None else table.c.key_id == key.id
    c.execute(
        delete(table).where(table.c.project_id == project.id, owner, table.c.window == window)
    )
    budget = None
    if limit_nano is not None:
        budget = Budget(
            id=new_id("bud"),
            project_id=project.id,
            key_id=None if key is None else key.id,
            window=window,
            limit_nano=limit_nano,
        )
        c.execute(insert(table), msgspec.structs.asdict(budget))
    bump_revision(c)
    return budget


def list_all(c: Connection, project_ids: tuple[str, ...] | None = None) -> list[Budget]:
    """Return every budget, a project's own before its keys'; of these projects where given."""
    t = schema.budgets.c
    query = select(schema.budgets).order_by(t.project_id, t.key_id.is_not(None), t.key_id, t.window)
    if project_ids is not None:
        query = query.where(t.project_id.in_(project_ids))
    return [Budget(**row) for row in c.execute(query).mappings()]
