"""`/api/v1/links`: using a one-time link. Whoever has its token may do what it is for, once.

The token stands behind the `#` of an address, which browsers do not send, and comes in the body.
"""

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import JSONBody

from tramontane.money import format_nano
from tramontane.store import members, projects
from tramontane.store.records import Link, LinkPurpose
from tramontane.store.windows import time_name
from tramontane.studio import arrival
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.session import SessionView, arrived_at, entered
from tramontane.studio.sign_in import Acceptance


class LinkToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a link's address."""

    token: str


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is for. `email` is the address that it is bound to, if it is. With `new_project`
    who uses it makes that project, which can spend `prepaid` in `currency` in total, on
    `allowed_models` (null: on every model).
    """

    purpose: LinkPurpose
    email: str | None
    project_name: str | None
    expires_at: str
    new_project: str | None
    prepaid: str | None
    allowed_models: tuple[str, ...] | None
    currency: str


class LinkAcceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How somebody uses a link: `password` is the new one, or that of an account they have.

    `name`, `email` and `language` are for a new account; a reset of a password needs none.
    """

    token: str
    password: str
    name: str | None = None
    email: str | None = None
    language: str | None = None


@post(
    "/links/check",
    status_code=200,
    **describe("checkLink", "Show what a link is for", "People", public=True, errors=(404, 413)),
)
def check_link(
    platform: GivenPlatform, request: Request[Any, Any, Any], data: JSONBody[LinkToken]
) -> LinkView:
    """404 alike whether it has been used, has expired, was taken back or never was."""
    arrival.check_entrance(arrived_at(platform, request))
    return _view(platform, platform.sign_ins.link(data.token))


@post(
    "/links/accept",
    status_code=200,
    **describe(
        "acceptLink",
        "Use a link and sign in",
        "People",
        public=True,
        is_async=True,
        errors=(401, 404, 409, 413, 429),
    ),
)
async def accept_link(
    platform: GivenPlatform, request: Request[Any, Any, Any], data: JSONBody[LinkAcceptance]
) -> Response[SessionView]:
    """Makes an account, adds a project to one, or sets a new password; then signs in, as
    `signIn` does. It can be done once.
    """
    arrived = arrived_at(platform, request)
    given = Acceptance(**msgspec.structs.asdict(data))
    return await entered(platform, arrived, await platform.sign_ins.by_link(arrived, given))


def _view(platform: Platform, link: Link) -> LinkView:
    with platform.store.read() as c:
        project = None if link.project_id is None else projects.get(c, link.project_id)
        owner = None if link.member_id is None else members.get(c, link.member_id)
    return LinkView(
        purpose=link.purpose,
        email=owner.email if owner is not None else link.email,
        project_name=None if project is None else project.name,
        expires_at=time_name(link.expires_at_ms),
        new_project=link.new_project,
        prepaid=None if link.prepaid_nano is None else format_nano(link.prepaid_nano),
        allowed_models=link.allowed_models,
        currency=platform.settings.currency,
    )
