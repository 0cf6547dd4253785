"""Who may publish, and accept, for a project, and what a publication shows to whom.

Its publisher and operators see the deployment behind it, whom it is offered to and what that
costs; buyers see what they are offered or have accepted. It does not know what routes answer.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from tramontane.errors import Forbidden, NotFound
from tramontane.governance import offering
from tramontane.governance.offering import Source
from tramontane.store import members, projects, publications
from tramontane.store.records import Offered, Project
from tramontane.studio.auth import Caller
from tramontane.studio.routes.members import managers_only
from tramontane.studio.routes.projects import seen_by


def require_manager(c: Connection, caller: Caller, name_or_id: str) -> Project:
    """Return that project, which the caller manages. Raises NotFound, Forbidden."""
    project = seen_by(c, caller, name_or_id)
    if caller.is_operator:
        return project
    if caller.key is not None:
        raise Forbidden(
            "This needs a key with the right 'operate', or somebody who manages the project.",
            code="right_missing",
        )
    if not caller.may_manage(project.id):
        raise managers_only()
    return project


def author_of(caller: Caller) -> str:
    """Return who is kept as having published or accepted: a member's or a key's id."""
    if caller.member is not None:
        return caller.member.id
    return "" if caller.key is None else caller.key.id


def names_of(c: Connection) -> dict[str, str]:
    """Return the names of members by id."""
    return {member.id: member.name for member in members.list_all(c)}


def is_publisher(caller: Caller, offer: Offered) -> bool:
    """Whether the caller may see how it is served, to whom it is offered and who has accepted."""
    return caller.may_see(offer.project_id)


def publishable(
    caller: Caller,
    project: Project,
    name: str,
    found: Mapping[str, Source],
    *,
    allow_shared: bool = False,
) -> Source:
    """Return the deployment that is to be published in that project's name.

    A manager publishes what is the project's own; an operator everybody's too where they say that
    this is meant (`allow_shared`), but never a project's own in another's name. Raises NotFound,
    Forbidden, Conflict.
    """
    visible = found
    if not caller.is_operator:
        ours = (None, project.id)
        visible = {each: s for each, s in found.items() if s.project_id in ours}
    source = offering.require_publishable(visible, name, project)
    if source.project_id == project.id:
        return source
    if not caller.is_operator:
        raise Forbidden(
            f"{name!r} is everybody's, not {project.name}'s own: only an operator can publish it.",
            code="deployment_not_yours",
            param="deployment",
        )
    offering.require_alone(source, project, allow_shared=allow_shared)
    return source


def audience_of(
    c: Connection, caller: Caller, audience: Collection[str] | None
) -> tuple[str, ...] | None:
    """Return the ids of the projects that a publication is for.

    Who is no operator names other projects by their id: which names there are is not theirs to
    find out. Raises NotFound.
    """
    if audience is None:
        return None
    known = {p.id: p for p in projects.list_all(c)}
    by_name = {p.name: p.id for p in known.values() if caller.may_see(p.id)}
    ids = []
    for given in audience:
        found = given if given in known else by_name.get(given)
        if found is None:
            raise NotFound(
                f"there is no project {given[:80]!r}; name another by its id, such as prj_…",
                param="audience",
            )
        ids.append(found)
    return tuple(ids)


def seen_version(c: Connection, caller: Caller, id_or_name: str, version: int | None) -> Offered:
    """Return a publication as the caller may see it, in a version that is theirs to see.

    Raises NotFound.
    """
    shown = publications.seen(c, id_or_name, caller.project_ids, caller.is_operator)
    if version is None or version == shown.version:
        return shown
    if not 1 <= version <= publications.VERSIONS_MOST:
        raise publications.unknown(id_or_name)
    if not is_publisher(caller, shown):
        theirs = publications.accepted_ever(c, shown.id, caller.project_ids)
        if version not in theirs:
            raise publications.unknown(id_or_name)
    return publications.get(c, shown.id, version)
