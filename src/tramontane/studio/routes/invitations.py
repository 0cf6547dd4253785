"""`/api/v1/invitations`: one-time links by which people come into a project."""

from typing import Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.money import format_nano
from tramontane.store import links, members, memberships, prepayments, projects
from tramontane.store.records import Link, Role
from tramontane.store.windows import time_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.members import check_manages, link_url, managed
from tramontane.studio.routes.projects import seen_by


class InvitationView(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that waits to be used. `email` null: for whoever has the link. With
    `new_project` who uses it makes that project, which can spend `prepaid` in total, on
    `allowed_models` (null: on every model).
    """

    id: str
    email: str | None
    project_id: str | None
    project_name: str | None
    role: Role | None
    is_admin: bool
    created_by: str | None
    created_at: str
    expires_at: str
    is_expired: bool
    new_project: str | None
    prepaid: str | None
    allowed_models: tuple[str, ...] | None


class InvitationList(msgspec.Struct, frozen=True):
    """Invitations, newest first."""

    data: list[InvitationView]


class NewInvitation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is invited, to what: a project, of which `project_id` may be the name, or to make
    `new_project` and manage it, with `prepaid` (a decimal such as "50.00") to spend in total, on
    `allowed_models` by their public names (null: on every model, also those to come).
    """

    project_id: str | None = None
    new_project: str | None = None
    prepaid: str | None = None
    allowed_models: tuple[str, ...] | None = None
    email: str | None = None
    role: Role = "member"
    is_admin: bool = False


class IssuedInvitation(InvitationView, frozen=True, kw_only=True):
    """A new invitation with its address, which cannot be had again."""

    url: str


@get(
    "/invitations",
    **describe("listInvitations", "List invitations", "People", right="read", errors=(404,)),
)
def list_invitations(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> InvitationList:
    """Those that wait to be used, expired ones too; a manager sees those of their projects."""
    with platform.store.read() as c:
        scope = managed(c, caller, project_id)
        found = links.list_invitations(c)
        names = _names(projects.list_all(c)) | _names(members.list_all(c))
    seen = [link for link in found if scope is None or link.project_id in scope]
    now_ms = platform.clock_ms()
    return InvitationList([InvitationView(**_fields(link, names, now_ms)) for link in seen])


@post(
    "/invitations",
    **describe(
        "createInvitation",
        "Invite somebody",
        "People",
        people=True,
        errors=(404, 409, 413),
    ),
)
def create_invitation(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    data: JSONBody[NewInvitation],
) -> IssuedInvitation:
    """For administrators and the project's managers; only administrators invite administrators,
    and to new projects. The link can be used once, within seven days, as long as who made it may
    still grant this.
    """
    now_ms = platform.clock_ms()
    if data.new_project is not None:
        return _invite_to_new_project(platform, caller, request, data, data.new_project, now_ms)
    if data.project_id is None:
        raise InvalidRequest(
            "The field 'project_id' is missing.", param="project_id", code="missing_field"
        )
    if data.prepaid is not None:
        raise InvalidRequest("prepaid goes with new_project.", param="prepaid")
    if data.allowed_models is not None:
        raise InvalidRequest("allowed_models goes with new_project.", param="allowed_models")
    with platform.store.write() as c:
        project = seen_by(c, caller, data.project_id)
        check_manages(c, caller, None if data.is_admin else project.id)
        known = None if data.email is None else members.find(c, data.email)
        if known is not None and memberships.list_all(c, member_id=known.id, project_id=project.id):
            raise Conflict(f"{known.email} is in this project already", param="email")
        link, token = links.create(
            c,
            platform.pepper,
            purpose="invitation",
            email=data.email,
            is_admin=data.is_admin,
            project_id=project.id,
            role=data.role,
            created_by=caller.person().id,
            now_ms=now_ms,
        )
    names = {project.id: project.name, caller.person().id: caller.person().name}
    return IssuedInvitation(**_fields(link, names, now_ms), url=link_url(platform, request, token))


def _invite_to_new_project(
    platform: Platform,
    caller: Caller,
    request: Request[Any, Any, Any],
    data: NewInvitation,
    name: str,
    now_ms: int,
) -> IssuedInvitation:
    """Who uses it makes the project and manages it; the name is kept for them meanwhile."""
    if data.project_id is not None or data.is_admin:
        given = "is_admin" if data.is_admin else "project_id"
        raise InvalidRequest(f"{given} does not go with new_project.", param=given)
    with platform.store.write() as c:
        check_manages(c, caller, None)
        link, token = links.create(
            c,
            platform.pepper,
            purpose="invitation",
            email=data.email,
            role="manager",
            created_by=caller.person().id,
            new_project=name,
            prepaid_nano=None
            if data.prepaid is None
            else prepayments.read_amount(data.prepaid, "prepaid"),
            allowed_models=data.allowed_models,
            now_ms=now_ms,
        )
    names = {caller.person().id: caller.person().name}
    return IssuedInvitation(**_fields(link, names, now_ms), url=link_url(platform, request, token))


@delete(
    "/invitations/{invitation_id:str}",
    status_code=204,
    **describe("revokeInvitation", "Take an invitation back", "People", people=True, errors=(404,)),
)
def revoke_invitation(
    platform: GivenPlatform, caller: GivenCaller, invitation_id: FromPath[str]
) -> None:
    """For administrators and the project's managers."""
    with platform.store.write() as c:
        link = links.get(c, invitation_id)
        if not memberships.may_manage(c, caller.person().id, link.project_id):
            raise NotFound("there is no such invitation", param="invitation_id")
        links.revoke(c, link.id, platform.clock_ms())


def _fields(link: Link, names: dict[str, str], now_ms: int) -> dict[str, Any]:
    return {
        "id": link.id,
        "email": link.email,
        "project_id": link.project_id,
        "project_name": names.get(link.project_id or ""),
        "role": link.role,
        "is_admin": link.is_admin,
        "created_by": names.get(link.created_by or ""),
        "created_at": time_name(link.created_at_ms),
        "expires_at": time_name(link.expires_at_ms),
        "is_expired": link.expires_at_ms <= now_ms,
        "new_project": link.new_project,
        "prepaid": None if link.prepaid_nano is None else format_nano(link.prepaid_nano),
        "allowed_models": link.allowed_models,
    }


def _names(records: Any) -> dict[str, str]:
    return {record.id: record.name for record in records}
