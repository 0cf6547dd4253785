"""Errors of the own API in OpenAI's form, `{"error": {message, type, param, code}}`.

The one place that turns an exception into an answer. It never repeats what a caller sent beyond
the name of the field at fault, and it does not know what any route does.
"""

import logging
import re
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from tramontane.errors import TramontaneError

log = logging.getLogger(__name__)

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES = {
    400: "invalid_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
}
_MESSAGES = {
    404: "There is nothing at this address. The API is described at /api/openapi.json.",
    405: "This address does not take that method. The API is described at /api/openapi.json.",
    413: "The body is larger than this address takes.",
}
# What the store calls a field, and what this API does.
_FIELDS = {
    "key": "key_id",
    "limit_nano": "limit",
    "project": "project_id",
}
_FIELD = re.compile(r"(?:missing required|unknown) field `([^`]{1,80})`")
_QUERY = re.compile(r"Missing required query parameter '([^']{1,80})'")


class ErrorBody(msgspec.Struct, frozen=True):
    """What happened and what to change; `param` names the field at fault where one is known."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """Every error of this API."""

    error: ErrorBody


def envelope(error: TramontaneError) -> ErrorEnvelope:
    """Return the answer's body for `error`."""
    kind = _TYPES.get(error.status, "server_error")
    param, message = error.param, error.message
    if param in _FIELDS:
        message = message.replace(param, _FIELDS[param])
        param = _FIELDS[param]
    return ErrorEnvelope(ErrorBody(message, kind, param, error.code))


def headers(error: TramontaneError) -> dict[str, str]:
    """Return the headers that go with `error`: how to sign in, when to come back."""
    found = {}
    if error.status == 401:
        found["www-authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        found["retry-after"] = str(max(1, round(error.retry_after_s)))
    return found


def render(_: Request[Any, Any, Any], error: TramontaneError) -> Response[ErrorEnvelope]:
    """Return `error` as an answer."""
    return Response(
        envelope(error),
        status_code=error.status,
        headers=headers(error),
        media_type=MediaType.JSON,
    )


def render_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorEnvelope]:
    """Return an error that the framework raised (routing, decoding, validation)."""
    return render(request, translated(error))


def render_unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorEnvelope]:
    """Return the outer edge's answer to a fault of ours: a log line with its place, no content."""
    log.error("%s failed: %s", request.route_handler, type(error).__name__, exc_info=error)
    return render(request, TramontaneError("Something failed here; the operator's log says where."))


def translated(error: HTTPException) -> TramontaneError:
    """Return the framework's error as one of ours, with the field at fault."""
    status = error.status_code
    message, param = _MESSAGES.get(status, error.detail), None
    if status == 400:
        message, param = _explain(error)
    found = TramontaneError(message, code=_CODES.get(status, "invalid_request"), param=param)
    found.status = status
    return found


def _explain(error: HTTPException) -> tuple[str, str | None]:
    extra = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        return _explain_field(str(extra[0].get("message", "")), str(extra[0].get("key", "")))
    missing = _QUERY.search(error.detail)
    if missing:
        return f"The query parameter '{missing[1]}' is missing.", missing[1]
    return error.detail, None


def _explain_field(message: str, key: str) -> tuple[str, str | None]:
    named = _FIELD.search(message)
    if named:
        word = "unknown" if "unknown" in message else "missing"
        return f"The field '{named[1]}' is {word}.", named[1]
    if key == "data":
        return _explain_body(message), None
    return f"{key}: {message}", key


def _explain_body(message: str) -> str:
    if message == "'data'":  # what the framework says of an empty body
        return "The body is empty; send a JSON object."
    return f"The body: {message}"
