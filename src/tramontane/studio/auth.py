"""Who is calling, decided before anything else runs.

`Gate` is the outermost layer of the studio: a request without a good key or session reaches no
route, no body is read for it and nothing is written. Only what is public is let through without.
It does not know what a route does; each route names the right it needs and `check_rights` holds it
to that.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from tramontane.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    TramontaneError,
    Unauthenticated,
)
from tramontane.store.records import Key, Member, Membership, Project, Right, Session
from tramontane.studio import arrival, errors, mistral

_HEADERS = (b"authorization", b"x-api-key", b"api-key")
_HOW = "Send it as 'Authorization: Bearer $TRAMONTANE_KEY'."
_MAX_SECRET_BYTES = 256


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs a request: a key with its project, or a signed-in member with their projects."""

    key: Key | None = None
    project: Project | None = None
    member: Member | None = None
    session: Session | None = None
    memberships: tuple[Membership, ...] = ()

    @property
    def rights(self) -> tuple[Right, ...]:
        """What the caller may do: a key what it was given; a member use and read, an administrator
        operate as well.
        """
        if self.key is not None:
            return self.key.rights
        return ("infer", "read", "operate") if self.is_operator else ("infer", "read")

    @property
    def is_operator(self) -> bool:
        """Whether the caller manages everything."""
        if self.key is not None:
            return "operate" in self.key.rights
        return self.member is not None and self.member.is_admin

    @property
    def project_ids(self) -> tuple[str, ...]:
        """The projects that the caller belongs to; an operator sees others as well."""
        if self.project is not None:
            return (self.project.id,)
        return tuple(membership.project_id for membership in self.memberships)

    def may_see(self, project_id: str) -> bool:
        """Whether the caller may know that the project exists."""
        return self.is_operator or project_id in self.project_ids

    def person(self) -> Member:
        """Return the signed-in member. Raises Forbidden where a key is calling."""
        if self.member is None:
            raise Forbidden("This address is for people: sign in.", code="people_only")
        return self.member

    def membership(self, project_id: str) -> Membership:
        """Return the member's place in that project. Raises NotFound, Forbidden for keys."""
        self.person()
        for membership in self.memberships:
            if membership.project_id == project_id:
                return membership
        raise NotFound(f"there is no project {project_id[:80]!r}", param="project_id")

    def may_manage(self, project_id: str) -> bool:
        """Whether the caller may say who belongs to that project."""
        if self.is_operator:
            return True
        return any(m.project_id == project_id and m.role == "manager" for m in self.memberships)


GivenCaller = NamedDependency[Caller]
"""The parameter of a route that is handed its caller."""


class Identify(Protocol):
    """Turns what a request was sent with into its caller; reads the store, so runs on a thread."""

    def by_key(self, secret: str) -> Caller:
        """Return whose key that is. Raises Unauthenticated."""
        ...

    def by_session(self, token: str) -> Caller:
        """Return whose session that is. Raises Unauthenticated."""
        ...


class Gate:
    """Lets a request through with its caller, or answers 401; what is public passes without."""

    def __init__(
        self,
        app: ASGIApp,
        identify: Identify,
        is_public: Callable[[str, str], bool],
        public_url: str | None = None,
    ) -> None:
        self._app = app
        self._identify = identify
        self._is_public = is_public
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        request: Any = scope
        if request["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": None})
            return
        if request["type"] == "http" and not self._is_public(request["method"], request["path"]):
            try:
                scope["user"] = await self._caller(request)
            except TramontaneError as error:
                is_mistral = request["path"].startswith(mistral.PREFIX)
                body = mistral.body_of(error) if is_mistral else None
                await errors.answer(send, error, body)
                return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Any) -> Caller:
        """Return who calls: a key where one was sent, and only else the session of a cookie."""
        if any(name.lower() in _HEADERS for name, _ in scope["headers"]):
            return await asyncio.to_thread(self._identify.by_key, credential(scope["headers"]))
        arrived = arrival.read(scope, self._public_url)
        token = arrival.token(arrived)
        if token is None:
            raise Unauthenticated(
                f"This address needs a key, or somebody signed in. {_HOW}", code="missing_api_key"
            )
        arrival.check_same_page(arrived)
        return await asyncio.to_thread(self._identify.by_session, token)


def credential(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the secret that a request was sent with; the gateway takes it from the same headers.

    Raises Unauthenticated where there is none, or more than one of a kind.
    """
    for name in _HEADERS:
        values = [value for found, value in headers if found.lower() == name]
        if len(values) > 1:
            raise Unauthenticated(f"Send one key only. {_HOW}")
        if values:
            return _secret(values[0])
    raise Unauthenticated(f"This address needs a key. {_HOW}", code="missing_api_key")


def _secret(value: bytes) -> str:
    secret = value[7:] if value[:7].lower() == b"bearer " else value
    secret = secret.strip()
    if not secret or not secret.isascii() or len(secret) > _MAX_SECRET_BYTES:
        raise Unauthenticated(f"This is not a key. {_HOW}")
    return secret.decode("ascii")


def right_of(handler: BaseRouteHandler) -> Right | None:
    """Return the right that a route asks for; None where it is public or any caller will do."""
    right: Right | None = handler.opt.get("right")
    return right


def check_rights(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Hold a route to the right it names; Forbidden says which one is missing.

    `operate` contains `read`. A route for people is closed to keys. One for managers asks its right
    of keys, and finds out by itself what a signed-in member manages. One that names no right and is
    not public is open to any caller, whom the gate has checked.
    """
    if handler.opt.get("people"):
        connection.user.person()
    right = right_of(handler)
    if right is None or (handler.opt.get("managers") and connection.user.member is not None):
        return
    rights = connection.user.rights
    if right not in rights and not (right == "read" and "operate" in rights):
        raise Forbidden(
            f"This needs the right '{right}', which you do not have here."
            if connection.user.member
            else f"This key does not have the right '{right}' that this address asks for.",
            code="right_missing",
        )


def check_query(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse query parameters that a route does not take, so that a slip cannot widen a report."""
    given = {*handler.resolve_dependencies(), *connection.path_params, "request", "data"}
    known = handler.parsed_fn_signature.parameters.keys() - given
    for name in connection.query_params:
        if name not in known:
            raise InvalidRequest(
                f"The query parameter '{name[:80]}' is unknown.",
                param=name[:80],
                code="unknown_field",
            )
