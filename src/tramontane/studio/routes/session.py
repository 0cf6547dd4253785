"""`/api/v1/session`: signing in with a password, who is signed in, signing out."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody

from tramontane import __version__
from tramontane.assistant.served import ANSWERING
from tramontane.store import sessions
from tramontane.store.records import Member, Membership, Role
from tramontane.store.windows import time_name
from tramontane.studio import arrival
from tramontane.studio.arrival import Arrival
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.status import all_deployments
from tramontane.studio.sign_in import SignedIn

_DEFAULT_PREFERENCES = {"theme": "system", "default_model": None, "default_project_id": None}


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A person, as they see themselves. `preferences` is whatever the browser app keeps there."""

    id: str
    email: str
    name: str
    is_admin: bool
    language: str
    preferences: dict[str, Any]
    created_at: str
    disabled_at: str | None


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """A project of theirs; what they ask there is billed to `key_id`."""

    id: str
    name: str
    role: Role
    key_id: str
    closed_reason: str | None


class FactsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser app must know of the platform before it shows anything.

    `is_loopback`: it can be reached from this machine only. `has_capable_model`: some model is more
    than a demonstration or the guide.
    """

    is_loopback: bool
    has_capable_model: bool


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and where they belong."""

    member: MemberView
    projects: list[PlaceView]
    version: str
    platform: FactsView


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail address and its password."""

    email: str
    password: str


@post(
    "/session",
    status_code=200,
    **describe("signIn", "Sign in", "People", public=True, is_async=True, errors=(401, 413, 429)),
)
async def sign_in(
    platform: GivenPlatform, request: Request[Any, Any, Any], data: JSONBody[Credentials]
) -> Response[SessionView]:
    """The answer sets the session's cookie. A wrong password, an unknown address and a disabled
    account are answered alike; repeated failures have to wait. Needs HTTPS, or this machine.
    """
    arrived = arrived_at(platform, request)
    return await entered(
        platform, arrived, await platform.sign_ins.by_password(arrived, data.email, data.password)
    )


@get("/session", **describe("getSession", "Show who is signed in", "People", people=True))
def get_session(platform: GivenPlatform, caller: GivenCaller) -> SessionView:
    """401 where nobody is."""
    return session_view(platform, caller)


@delete("/session", status_code=204, **describe("signOut", "Sign out", "People", people=True))
def sign_out(
    platform: GivenPlatform, caller: GivenCaller, request: Request[Any, Any, Any]
) -> Response[None]:
    """Ends this browser's session; others of the same member go on."""
    if caller.session is not None:
        with platform.store.write() as c:
            sessions.end(c, caller.session.id, caller.person().id)
    return signed_out(arrived_at(platform, request))


def arrived_at(platform: Platform, request: Request[Any, Any, Any]) -> Arrival:
    """Return how a request arrived."""
    return arrival.read(request.scope, platform.settings.server.public_url)


async def entered(
    platform: Platform, arrived: Arrival, signed_in: SignedIn
) -> Response[SessionView]:
    """Return the answer to whoever has just signed in, with their cookie."""
    body = await asyncio.to_thread(session_view, platform, signed_in.caller)
    return Response(body, headers={"set-cookie": kept(platform, arrived, signed_in.token)})


def kept(platform: Platform, arrived: Arrival, token: str) -> str:
    """Return the field that makes a browser keep a session."""
    return arrival.cookie(arrived, token, round(platform.settings.sessions.lifetime_s))


def signed_out(arrived: Arrival) -> Response[None]:
    """Return an empty answer that takes the cookie away."""
    return Response(None, status_code=204, headers={"set-cookie": arrival.cookie(arrived, "", 0)})


def place_view(place: Membership) -> PlaceView:
    """Return a membership as it is shown."""
    return PlaceView(
        id=place.project_id,
        name=place.project_name,
        role=place.role,
        key_id=place.key_id,
        closed_reason=place.closed_reason,
    )


def session_view(platform: Platform, caller: Caller) -> SessionView:
    """Return what a signed-in browser must know."""
    return SessionView(
        member=member_view(caller.person()),
        projects=[place_view(place) for place in caller.memberships],
        version=__version__,
        platform=FactsView(
            is_loopback=arrival.is_loopback(platform.settings.server.host),
            has_capable_model=_has_capable_model(platform),
        ),
    )


def member_view(member: Member) -> MemberView:
    """Return a member as they see themselves."""
    return MemberView(
        id=member.id,
        email=member.email,
        name=member.name,
        is_admin=member.is_admin,
        language=member.language,
        preferences={**_DEFAULT_PREFERENCES, **msgspec.json.decode(member.preferences)},
        created_at=time_name(member.created_at_ms),
        disabled_at=optional_name(member.disabled_at_ms),
    )


def _has_capable_model(platform: Platform) -> bool:
    return any(
        deployment.is_capable and deployment.state in ANSWERING
        for deployment in all_deployments(platform)
    )
