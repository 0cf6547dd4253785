"""`/api/v1/members`: the people of the platform, and who belongs to which project."""

from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.errors import Forbidden, NotFound
from tramontane.store import links, members, memberships, sessions
from tramontane.store.records import Member, Membership, Role
from tramontane.store.windows import time_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.projects import seen_by
from tramontane.studio.routes.session import PlaceView, arrived_at, place_view


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """A member, as who looks after them sees them; a manager sees places in own projects only."""

    id: str
    email: str
    name: str
    is_admin: bool
    language: str
    created_at: str
    disabled_at: str | None
    last_seen_at: str | None
    projects: list[PlaceView]


class PersonList(msgspec.Struct, frozen=True):
    """Members by name, disabled ones too."""

    data: list[PersonView]


class MemberChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays. Whoever is disabled is signed out at once."""

    name: str | UnsetType = UNSET
    is_admin: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class ResetView(msgspec.Struct, frozen=True, kw_only=True):
    """A link for a new password, to be handed to the member by another way; shown once."""

    url: str
    expires_at: str


class RoleChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a member is in a project."""

    role: Role


class MembershipView(msgspec.Struct, frozen=True, kw_only=True):
    """A member's place in a project."""

    member_id: str
    project_id: str
    role: Role
    key_id: str
    created_at: str


@get(
    "/members",
    **describe("listMembers", "List members", "People", right="read", errors=(404,)),
)
def list_members(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> PersonList:
    """An operator sees everybody, or one project's; a manager those of the projects they manage."""
    with platform.store.read() as c:
        scope = managed(c, caller, project_id)
        people = members.list_all(c)
        places = memberships.list_all(c)
        seen = sessions.last_seen(c)
    if scope is not None:
        places = [place for place in places if place.project_id in scope]
        inside = {place.member_id for place in places}
        people = [member for member in people if member.id in inside]
    return PersonList([_view(member, places, seen) for member in people])


@patch(
    "/members/{member_id:str}",
    **describe(
        "changeMember",
        "Change, disable or enable a member",
        "People",
        right="operate",
        people=True,
        errors=(404, 409, 413),
    ),
)
def change_member(
    platform: GivenPlatform,
    caller: GivenCaller,
    member_id: FromPath[str],
    data: JSONBody[MemberChanges],
) -> PersonView:
    """For administrators. A disabled member's streams end within five seconds. The last
    administrator stays one.
    """
    now_ms = platform.clock_ms()
    with platform.store.write() as c:
        check_manages(c, caller, None)
        member = members.get(c, member_id)
        if data.name is not UNSET:
            member = members.update_profile(c, member.id, name=data.name)
        if data.is_admin is not UNSET:
            member = members.set_admin(c, member.id, data.is_admin)
        if data.disabled is not UNSET:
            change = members.disable if data.disabled else members.enable
            member = change(c, member.id, now_ms)
        return _view(member, memberships.list_all(c, member_id=member.id), sessions.last_seen(c))


@post(
    "/members/{member_id:str}/reset",
    **describe(
        "resetPassword",
        "Make a link for a new password",
        "People",
        right="operate",
        people=True,
        errors=(404, 409),
    ),
)
def reset_password(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    member_id: FromPath[str],
) -> ResetView:
    """For administrators. The old password holds until the link is used, within a day."""
    with platform.store.write() as c:
        check_manages(c, caller, None)
        link, token = links.create(
            c,
            platform.pepper,
            purpose="password_reset",
            member_id=members.get_enabled(c, member_id).id,
            created_by=caller.person().id,
            now_ms=platform.clock_ms(),
        )
    return ResetView(
        url=link_url(platform, request, token), expires_at=time_name(link.expires_at_ms)
    )


@put(
    "/projects/{project_id:str}/members/{member_id:str}",
    **describe(
        "putMembership",
        "Take a member into a project, or change their role",
        "People",
        people=True,
        errors=(404, 409, 413),
    ),
)
def put_membership(
    platform: GivenPlatform,
    caller: GivenCaller,
    project_id: FromPath[str],
    member_id: FromPath[str],
    data: JSONBody[RoleChoice],
) -> MembershipView:
    """For administrators, and for the project's managers as to people of projects they manage."""
    with platform.store.write() as c:
        project = seen_by(c, caller, project_id)
        check_manages(c, caller, project.id)
        member = members.get(c, member_id)
        if not caller.is_operator and not _is_known(c, caller, member):
            raise NotFound(f"there is no member {member_id[:80]!r}", param="member_id")
        placed = memberships.put(
            c, member=member, project_id=project.id, role=data.role, now_ms=platform.clock_ms()
        )
    return MembershipView(
        member_id=placed.member_id,
        project_id=placed.project_id,
        role=placed.role,
        key_id=placed.key_id,
        created_at=time_name(placed.created_at_ms),
    )


@delete(
    "/projects/{project_id:str}/members/{member_id:str}",
    status_code=204,
    **describe(
        "removeMembership",
        "Take a member out of a project",
        "People",
        people=True,
        errors=(404,),
    ),
)
def remove_membership(
    platform: GivenPlatform,
    caller: GivenCaller,
    project_id: FromPath[str],
    member_id: FromPath[str],
) -> None:
    """For administrators and the project's managers. Streams of theirs end within five seconds."""
    with platform.store.write() as c:
        project = seen_by(c, caller, project_id)
        check_manages(c, caller, project.id)
        memberships.remove(c, member_id, project.id, platform.clock_ms())


def managed(c: Connection, caller: Caller, project_id: str | None) -> tuple[str, ...] | None:
    """Return the projects whose people `caller` looks after, None for all; one where given.

    Raises NotFound, and Forbidden (`managers_only`) where there are none.
    """
    if project_id is not None:
        project = seen_by(c, caller, project_id)
        if not caller.may_manage(project.id):
            raise managers_only()
        return (project.id,)
    if caller.is_operator:
        return None
    own = tuple(place.project_id for place in caller.memberships if place.role == "manager")
    if not own:
        raise managers_only()
    return own


def check_manages(c: Connection, caller: Caller, project_id: str | None) -> None:
    """Raise Forbidden unless the signed-in member manages that project (None: all), as of now."""
    if not memberships.may_manage(c, caller.person().id, project_id):
        raise managers_only()


def managers_only() -> Forbidden:
    """Return the answer to whoever looks after nobody."""
    return Forbidden("This is for administrators and the project's managers.", code="managers_only")


def link_url(platform: Platform, request: Request[Any, Any, Any], token: str) -> str:
    """Return the address of a link, where this caller, or everybody, reaches the platform."""
    origin = platform.settings.server.public_url or arrived_at(platform, request).origin
    return links.url(origin, token)


def _is_known(c: Connection, caller: Caller, member: Member) -> bool:
    places = memberships.list_all(c, member_id=member.id)
    return any(caller.may_manage(place.project_id) for place in places)


def _view(member: Member, places: list[Membership], seen: dict[str, int]) -> PersonView:
    return PersonView(
        id=member.id,
        email=member.email,
        name=member.name,
        is_admin=member.is_admin,
        language=member.language,
        created_at=time_name(member.created_at_ms),
        disabled_at=optional_name(member.disabled_at_ms),
        last_seen_at=optional_name(seen.get(member.id)),
        projects=[place_view(place) for place in places if place.member_id == member.id],
    )
