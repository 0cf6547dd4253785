"""What Mistral's API has in its own form: errors, and that it takes keys only.

A request that cannot be served as written is a 422 with `detail`, a list of what is wrong where;
every other error names its `message` and `type`. It does not know what a route does.
"""

from typing import Any

from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from tramontane.errors import Forbidden, TramontaneError
from tramontane.studio import errors

PREFIX = "/mistral/"
_TYPES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
}


def keys_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse who comes with a session: Mistral's API is for programs."""
    if connection.user.key is None:
        raise Forbidden(
            "This address takes a key; in the browser, the same is under /api/v1/libraries.",
            code="keys_only",
        )


def render(_: Request[Any, Any, Any], error: TramontaneError) -> Response[dict[str, Any]]:
    """Return `error` as Mistral's API says it."""
    status, body = error.status, body_of(error)
    if status == 400:
        status = 422
        place = [] if error.param is None else [error.param]
        body = {"detail": [{"loc": ["body", *place], "msg": error.message, "type": error.code}]}
    return Response(
        body, status_code=status, headers=errors.headers(error), media_type=MediaType.JSON
    )


def render_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Return an error that the framework raised as Mistral's API says it."""
    return render(request, errors.translated(error))


def render_found(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Return what was found wrong before any route was reached, in the form of the address."""
    if request.url.path.startswith(PREFIX):
        return render_http(request, error)
    return errors.render_http(request, error)


def render_unforeseen(
    request: Request[Any, Any, Any], error: Exception
) -> Response[dict[str, Any]]:
    """Return a fault of ours, which the log explains."""
    errors.log.error("%s failed: %s", request.route_handler, type(error).__name__, exc_info=error)
    return render(request, errors.unforeseen())


def body_of(error: TramontaneError) -> dict[str, Any]:
    """Return what `error` is, other than a request that cannot be served as written."""
    return {
        "object": "error",
        "message": error.message,
        "detail": error.message,
        "type": _TYPES.get(error.status, "internal_server_error"),
        "param": error.param,
        "code": error.code,
    }
