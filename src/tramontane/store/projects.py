"""Projects: made, changed, closed, never deleted, for bills name them.

It does not know what a project spent, nor how its limits are enforced.
"""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, insert, or_, select
from sqlalchemy import update as sql_update

from tramontane.config import LimitDefaults
from tramontane.errors import Conflict, InvalidRequest
from tramontane.store import schema
from tramontane.store.database import bump_revision
from tramontane.store.names import check_models, check_name, new_id, unknown
from tramontane.store.records import Project

_MOST_PER_MINUTE = 10**12


def create(
    c: Connection,
    *,
    name: str,
    defaults: LimitDefaults,
    now_ms: int,
    allowed_models: Iterable[str] | None = None,
) -> Project:
    """Return a new open project with the default limits. Raises InvalidRequest, Conflict."""
    check_free(c, check_name("project", name))
    project = Project(
        id=new_id("prj"),
        name=name,
        requests_per_minute=check_limit(defaults.requests_per_minute, "requests_per_minute"),
        tokens_per_minute=check_limit(defaults.tokens_per_minute, "tokens_per_minute"),
        allowed_models=check_models(allowed_models),
        created_at_ms=now_ms,
    )
    c.execute(insert(schema.projects), msgspec.structs.asdict(project))
    bump_revision(c)
    return project


def list_all(c: Connection) -> list[Project]:
    """Return every project by name."""
    rows = c.execute(select(schema.projects).order_by(schema.projects.c.name))
    return [Project(**row) for row in rows.mappings()]


def get(c: Connection, name_or_id: str) -> Project:
    """Return that project. Raises NotFound with the nearest names."""
    t = schema.projects.c
    query = select(schema.projects).where(or_(t.id == name_or_id, t.name == name_or_id))
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise unknown("project", name_or_id, c.scalars(select(t.name)), "project")
    return Project(**row)


def update(
    c: Connection,
    project_id: str,
    *,
    name: str | UnsetType = UNSET,
    requests_per_minute: int | UnsetType = UNSET,
    tokens_per_minute: int | UnsetType = UNSET,
    allowed_models: Iterable[str] | UnsetType | None = UNSET,
) -> Project:
    """Return the project with what was given changed. Raises NotFound, InvalidRequest, Conflict.

    Keys allowed more models than the project keep their list, but it does not count any more:
    see `keys.usable_models`.
    """
    before = get(c, project_id)
    changes: dict[str, object] = {}
    if name is not UNSET and name != before.name:
        check_free(c, check_name("project", name))
        changes["name"] = name
    if requests_per_minute is not UNSET:
        changes["requests_per_minute"] = check_limit(requests_per_minute, "requests_per_minute")
    if tokens_per_minute is not UNSET:
        changes["tokens_per_minute"] = check_limit(tokens_per_minute, "tokens_per_minute")
    if allowed_models is not UNSET:
        changes["allowed_models"] = check_models(allowed_models)
    return _change(c, before, changes)


def set_policy(c: Connection, project_id: str, policy: bytes | None) -> Project:
    """Return the project under that policy (JSON, checked before), None for none.

    Raises NotFound.
    """
    return _change(c, get(c, project_id), {"policy": policy})


def close(c: Connection, project_id: str, reason: str) -> Project:
    """Return the project, serving no tokens from now on because of `reason`. Raises NotFound."""
    if not reason.strip():
        raise InvalidRequest("say why the project is closed", param="reason")
    return _change(c, get(c, project_id), {"closed_reason": reason.strip()})


def open(c: Connection, project_id: str) -> Project:  # noqa: A001 - read as projects.open
    """Return the project, serving tokens again. Raises NotFound."""
    return _change(c, get(c, project_id), {"closed_reason": None})


def check_limit(value: int, param: str) -> int:
    """Return a limit per minute; InvalidRequest unless it is a whole number from 1 up."""
    if not 1 <= value <= _MOST_PER_MINUTE:
        raise InvalidRequest(f"{param} must be between 1 and {_MOST_PER_MINUTE}", param=param)
    return value


def check_free(c: Connection, name: str, param: str = "name") -> None:
    """Raise Conflict where a project has that name."""
    t = schema.projects.c
    if c.scalar(select(t.id).where(t.name == name)) is not None:
        raise Conflict(f"a project named {name!r} exists already", param=param)


def _change(c: Connection, project: Project, changes: dict[str, object]) -> Project:
    if changes:
        table = schema.projects
        c.execute(sql_update(table).where(table.c.id == project.id).values(**changes))
        bump_revision(c)
    return msgspec.structs.replace(project, **changes)
