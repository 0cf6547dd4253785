"""`/api/v1/projects`: groups that share budgets and limits. They are closed, never deleted."""

import msgspec
from litestar import get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.errors import NotFound
from tramontane.store import projects
from tramontane.store.records import Project
from tramontane.store.windows import time_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform


class ProjectView(msgspec.Struct, frozen=True, kw_only=True):
    """A project. `allowed_models` null: every model. While `closed_reason` is set it is served no
    tokens.
    """

    id: str
    name: str
    requests_per_minute: int
    tokens_per_minute: int
    allowed_models: tuple[str, ...] | None
    closed_reason: str | None
    created_at: str


class ProjectList(msgspec.Struct, frozen=True):
    """Projects by name."""

    data: list[ProjectView]


class NewProject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new project is made of; limits left out are the configuration's."""

    name: str
    requests_per_minute: int | UnsetType = UNSET
    tokens_per_minute: int | UnsetType = UNSET
    allowed_models: tuple[str, ...] | None = None


class ProjectChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays. `closed_reason` closes the project, null opens it."""

    name: str | UnsetType = UNSET
    requests_per_minute: int | UnsetType = UNSET
    tokens_per_minute: int | UnsetType = UNSET
    allowed_models: tuple[str, ...] | UnsetType | None = UNSET
    closed_reason: str | UnsetType | None = UNSET


@get("/projects", **describe("listProjects", "List projects", "Projects", right="read"))
def list_projects(platform: GivenPlatform, caller: GivenCaller) -> ProjectList:
    """An operator sees every project, another caller their own."""
    with platform.store.read() as c:
        found = projects.list_all(c)
    return ProjectList([_view(p) for p in found if caller.may_see(p.id)])


@post(
    "/projects",
    **describe("createProject", "Make a project", "Projects", right="operate", errors=(409, 413)),
)
def create_project(platform: GivenPlatform, data: JSONBody[NewProject]) -> ProjectView:
    """Needs the right `operate`."""
    given = data.requests_per_minute, data.tokens_per_minute
    with platform.store.write() as c:
        project = projects.create(
            c,
            name=data.name,
            defaults=platform.settings.limits,
            now_ms=platform.clock_ms(),
            allowed_models=data.allowed_models,
        )
        project = projects.update(
            c, project.id, requests_per_minute=given[0], tokens_per_minute=given[1]
        )
    return _view(project)


@get(
    "/projects/{project_id:str}",
    **describe("getProject", "Show a project", "Projects", right="read", errors=(404,)),
)
def get_project(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromPath[str]
) -> ProjectView:
    """`project_id` may be the project's identifier or its name."""
    with platform.store.read() as c:
        return _view(seen_by(c, caller, project_id))


@patch(
    "/projects/{project_id:str}",
    **describe(
        "changeProject",
        "Change, close or open a project",
        "Projects",
        right="operate",
        errors=(404, 409, 413),
    ),
)
def change_project(
    platform: GivenPlatform, project_id: FromPath[str], data: JSONBody[ProjectChanges]
) -> ProjectView:
    """Needs the right `operate`. Gateways follow within two seconds."""
    with platform.store.write() as c:
        project = projects.get(c, project_id)
        project = projects.update(
            c,
            project.id,
            name=data.name,
            requests_per_minute=data.requests_per_minute,
            tokens_per_minute=data.tokens_per_minute,
            allowed_models=data.allowed_models,
        )
        if isinstance(data.closed_reason, str):
            project = projects.close(c, project.id, data.closed_reason)
        elif data.closed_reason is None:
            project = projects.open(c, project.id)
    return _view(project)


def seen_by(c: Connection, caller: Caller, name_or_id: str) -> Project:
    """Return that project, or NotFound alike whether it is another's or nobody's."""
    own = [caller.project] if caller.project is not None else []
    known = {known for project in own for known in (project.id, project.name)}
    known |= {n for place in caller.memberships for n in (place.project_id, place.project_name)}
    if not caller.is_operator and name_or_id not in known:
        raise NotFound(f"there is no project {name_or_id[:80]!r}", param="project_id")
    return projects.get(c, name_or_id)


def scope_of(c: Connection, caller: Caller, name_or_id: str | None) -> tuple[str, ...] | None:
    """Return the projects that a list is about, None for all of them.

    A caller without `operate` always gets its own. Raises NotFound.
    """
    if name_or_id is not None:
        return (seen_by(c, caller, name_or_id).id,)
    return None if caller.is_operator else caller.project_ids


def _view(project: Project) -> ProjectView:
    return ProjectView(
        id=project.id,
        name=project.name,
        requests_per_minute=project.requests_per_minute,
        tokens_per_minute=project.tokens_per_minute,
        allowed_models=project.allowed_models,
        closed_reason=project.closed_reason,
        created_at=time_name(project.created_at_ms),
    )
