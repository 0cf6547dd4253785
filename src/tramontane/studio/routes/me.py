"""`/api/v1/me`: what members change about themselves, and where they are signed in."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from tramontane.errors import InvalidRequest
from tramontane.store import members, sessions
from tramontane.store.windows import time_name
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.session import (
    MemberView,
    arrived_at,
    kept,
    member_view,
    signed_out,
)

THEMES = ("system", "light", "dark")


class ProfileChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays. Of `preferences`, each one given replaces its own."""

    name: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    preferences: dict[str, Any] | UnsetType = UNSET


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password as it is, and as it shall be."""

    current: str
    new: str


class SignedInView(msgspec.Struct, frozen=True, kw_only=True):
    """A browser in which they are signed in; `is_this_one` is the one that asks."""

    id: str
    user_agent: str
    created_at: str
    seen_at: str
    expires_at: str
    is_this_one: bool


class SignedInList(msgspec.Struct, frozen=True):
    """Sessions, last used first."""

    data: list[SignedInView]


@get("/me", **describe("getMe", "Show oneself", "People", people=True))
def get_me(caller: GivenCaller) -> MemberView:
    """The member who is signed in."""
    return member_view(caller.person())


@patch("/me", **describe("changeMe", "Change oneself", "People", people=True, errors=(413,)))
def change_me(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[ProfileChanges]
) -> MemberView:
    """Name, language and preferences; the preferences together are 8 KiB at most."""
    if data.preferences is not UNSET:
        _check_preferences(data.preferences)
    with platform.store.write() as c:
        changed = members.update_profile(
            c,
            caller.person().id,
            name=data.name,
            language=data.language,
            preferences=data.preferences,
        )
    return member_view(changed)


@post(
    "/me/password",
    status_code=204,
    **describe(
        "changePassword",
        "Change one's password",
        "People",
        people=True,
        is_async=True,
        errors=(413, 429),
    ),
)
async def change_password(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    data: JSONBody[PasswordChange],
) -> Response[None]:
    """Signs out every other browser; this one gets a new cookie."""
    arrived = arrived_at(platform, request)
    token = await platform.sign_ins.change_password(arrived, caller, data.current, data.new)
    return Response(None, status_code=204, headers={"set-cookie": kept(platform, arrived, token)})


@get(
    "/me/sessions",
    **describe("listSessions", "List where one is signed in", "People", people=True),
)
def list_sessions(platform: GivenPlatform, caller: GivenCaller) -> SignedInList:
    """Sessions that still hold."""
    with platform.store.read() as c:
        found = sessions.list_all(
            c, caller.person().id, platform.settings.sessions, platform.clock_ms()
        )
    own_id = None if caller.session is None else caller.session.id
    return SignedInList(
        [
            SignedInView(
                id=session.id,
                user_agent=session.user_agent,
                created_at=time_name(session.created_at_ms),
                seen_at=time_name(session.seen_at_ms),
                expires_at=time_name(session.expires_at_ms),
                is_this_one=session.id == own_id,
            )
            for session in found
        ]
    )


@delete(
    "/me/sessions",
    status_code=204,
    **describe("signOutEverywhere", "Sign out everywhere", "People", people=True),
)
def sign_out_everywhere(
    platform: GivenPlatform, caller: GivenCaller, request: Request[Any, Any, Any]
) -> Response[None]:
    """Ends every session of theirs, this one too."""
    with platform.store.write() as c:
        sessions.end_all(c, caller.person().id)
    return signed_out(arrived_at(platform, request))


@delete(
    "/me/sessions/{session_id:str}",
    status_code=204,
    **describe("endSession", "Sign out one browser", "People", people=True, errors=(404,)),
)
def end_session(platform: GivenPlatform, caller: GivenCaller, session_id: FromPath[str]) -> None:
    """One of their own."""
    with platform.store.write() as c:
        sessions.end(c, session_id, caller.person().id)


def _check_preferences(given: dict[str, Any]) -> None:
    if given.get("theme", "system") not in THEMES:
        raise _wrong(f"theme: must be one of {', '.join(THEMES)}")
    for name in ("default_model", "default_project_id"):
        if not isinstance(given.get(name), str | None):
            raise _wrong(f"{name}: must be a text or null")


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(f"preferences.{message}", param="preferences", code="invalid_value")
