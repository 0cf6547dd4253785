"""Who is calling, decided before anything else runs.

`Gate` is the outermost layer of the studio: a request without a good key reaches no route, no
body is read for it and nothing is written. Only `PUBLIC` is let through without one. It does not
know what a route does; each route names the right it needs and `check_rights` holds it to that.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from tramontane.errors import Forbidden, InvalidRequest, TramontaneError, Unauthenticated
from tramontane.store.records import Key, Project, Right
from tramontane.studio import errors

_HEADERS = (b"authorization", b"x-api-key", b"api-key")
_HOW = "Send it as 'Authorization: Bearer $TRAMONTANE_KEY'."
_MAX_SECRET_BYTES = 256


class Caller(msgspec.Struct, frozen=True):
    """The key that signs a request, and its project."""

    key: Key
    project: Project

    @property
    def is_operator(self) -> bool:
        """Whether this key manages everything."""
        return "operate" in self.key.rights

    def may_see(self, project_id: str) -> bool:
        """Whether this key may know that the project exists."""
        return self.is_operator or project_id == self.project.id


GivenCaller = NamedDependency[Caller]
"""The parameter of a route that is handed its caller."""

Authenticate = Callable[[str], Caller]


class Gate:
    """Lets a request through with its caller, or answers 401; public paths pass without one."""

    def __init__(self, app: ASGIApp, authenticate: Authenticate, public: frozenset[str]) -> None:
        self._app = app
        self._authenticate = authenticate
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; `authenticate` runs on a thread, since it reads the store."""
        kind: str = scope["type"]
        if kind == "http" and scope["path"] not in self._public:
            try:
                secret = credential(scope["headers"])
                caller = await asyncio.to_thread(self._authenticate, secret)
            except TramontaneError as error:
                await errors.answer(send, error)
                return
            scope["user"] = caller
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": None})
            return
        await self._app(scope, receive, send)


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
    """Return the right that a route asks for; None where it is public or any key will do."""
    right: Right | None = handler.opt.get("right")
    return right


def check_rights(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Hold a route to the right it names; Forbidden says which one is missing.

    `operate` contains `read`. A route that names no right and is not marked public is open to any
    key, which the gate has checked.
    """
    right = right_of(handler)
    if right is None:
        return
    rights = connection.user.key.rights
    if right not in rights and not (right == "read" and "operate" in rights):
        raise Forbidden(
            f"This key does not have the right '{right}' that this address asks for.",
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
