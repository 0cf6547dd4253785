"""Errors of the own API in OpenAI's form, `{"error": {message, type, param, code}}`.

The one place that turns an exception into an answer. It never repeats what a caller sent beyond
the name of the field at fault, and it does not know what any route does.
"""

import logging
import re
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, SerializationException
from litestar.types import Send

from tramontane.errors import BudgetExhausted, InvalidRequest, TramontaneError

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
# What the framework finds wrong before any route is reached.
_ADDRESS = {
    404: (
        "There is nothing at this address. The API is described at /api/openapi.json.",
        "unknown_path",
    ),
    405: (
        "This address does not take that method. The API is described at /api/openapi.json.",
        "method_not_allowed",
    ),
    413: ("The body is larger than this address takes.", "payload_too_large"),
}
# What the store calls a field, and what this API does.
_FIELDS = {
    "limit_nano": "limit",
    "project": "project_id",
}
_MISSING = re.compile(r"missing required field `([^`]{1,80})`")
_PARAMETER = re.compile(r"^Missing required query parameter '([^']{1,80})'")
_UNKNOWN = re.compile(r"unknown field `([^`]{1,80})`")


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened and what to change; `param` names the field at fault where one is known.

    A budget's refusal says the most that the request could cost and what is left, as decimals of
    `currency`.
    """

    message: str
    type: str
    param: str | None
    code: str
    may_cost: str | None = None
    left: str | None = None
    currency: str | None = None


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
    amounts = error.amounts if isinstance(error, BudgetExhausted) else {}
    return ErrorEnvelope(ErrorBody(message, kind, param, error.code, **amounts))


def headers(error: TramontaneError) -> dict[str, str]:
    """Return the headers that go with `error`: how to sign in, when to come back."""
    found = {}
    if error.status == 401:
        found["www-authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        found["retry-after"] = str(max(1, round(error.retry_after_s)))
    return found


async def answer(send: Send, error: TramontaneError, body: object = None) -> None:
    """Send `error` where there is no framework yet; `body` where its form is another."""
    body = msgspec.json.encode(envelope(error) if body is None else body)
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    head += [(name.encode(), value.encode()) for name, value in headers(error).items()]
    await send({"type": "http.response.start", "status": error.status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def unforeseen() -> TramontaneError:
    """Return what a caller is told of a fault of ours."""
    return TramontaneError("Something failed here; the operator's log says where.")


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
    if isinstance(error, RecursionError):  # brackets in brackets, thousands deep
        log.warning("%s: a body is nested too deeply", request.route_handler)
        return render(
            request, InvalidRequest("The body is nested too deeply.", code="invalid_json")
        )
    log.error("%s failed: %s", request.route_handler, type(error).__name__, exc_info=error)
    return render(request, unforeseen())


def translated(error: HTTPException) -> TramontaneError:
    """Return the framework's error as one of ours, with the field at fault."""
    status = error.status_code
    if status == 400:
        return _explained(error)
    message, code = _ADDRESS.get(status, (error.detail, "invalid_request"))
    found = TramontaneError(message, code=code)
    found.status = status
    return found


def _explained(error: HTTPException) -> InvalidRequest:
    extra = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        return _explained_field(str(extra[0].get("message", "")), str(extra[0].get("key", "")))
    if isinstance(error.__cause__, SerializationException):
        return InvalidRequest(f"The body is no valid JSON: {error.detail}.", code="invalid_json")
    parameter = _PARAMETER.match(error.detail)
    if parameter:
        name = parameter[1]
        message = f"The query parameter '{name}' is missing."
        return InvalidRequest(message, param=name, code="missing_field")
    return InvalidRequest(error.detail)


def _explained_field(message: str, key: str) -> InvalidRequest:
    missing, unknown = _MISSING.search(message), _UNKNOWN.search(message)
    if missing:
        name = missing[1]
        return InvalidRequest(f"The field '{name}' is missing.", param=name, code="missing_field")
    if unknown:
        name = unknown[1]
        return InvalidRequest(f"The field '{name}' is unknown.", param=name, code="unknown_field")
    if message == "'data'":  # what the framework says of an empty body
        return InvalidRequest("The body is empty; send a JSON object.", code="invalid_json")
    if key == "data":
        return InvalidRequest(f"The body: {message}.", code="invalid_type")
    code = "invalid_type" if ", got " in message else "invalid_value"
    return InvalidRequest(f"{key}: {message}.", param=key, code=code)
