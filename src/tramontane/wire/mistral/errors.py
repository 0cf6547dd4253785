"""Errors in Mistral's forms: an error object, and for what is wrong in a request the 422 `detail`.

The published description has `detail` for 422 alone; other statuses come as
{"object": "error", "message", "type", "param", "code"}. Both stand in a 422, as the API sends it.
"""

import re
from typing import Any

import msgspec

from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.wire.canonical import Said

_TYPES = {
    401: "invalid_authentication",
    403: "permission_denied",
    404: "not_found",
    409: "conflict",
    413: "payload_too_large",
    429: "rate_limited",
}
_KINDS = {
    "missing_field": "missing",
    "unknown_field": "extra_forbidden",
    "invalid_json": "json_invalid",
}
_encode = msgspec.json.Encoder().encode
_STEP = re.compile(r"[^.\[\]]+")
_FINDINGS = tuple(
    (re.compile(pattern), code)
    for pattern, code in (
        (r"Object missing required field `(.+)`", "missing_field"),
        (r"Object contains unknown field `(.+)`", "unknown_field"),
        (r"Expected `str` matching regex '\^data:", "address_not_allowed"),
        (r"Expected `str` matching regex '\(\?:\^data:", "address_not_allowed"),
        (r"Expected `.+`, got `.+`", "invalid_type"),
    )
)


def explain(error: msgspec.ValidationError) -> InvalidRequest:
    """Return what is wrong in a request, with the field at fault, for msgspec's finding."""
    finding, _, place = str(error).partition(" - at `$")
    param = place.rstrip("`").removeprefix(".")
    code = "invalid_value"
    for pattern, found in _FINDINGS:
        match = pattern.match(finding)
        if match is not None:
            code = found
            if match.groups():
                param = f"{param}.{match[1]}" if param else match[1]
            break
    if code == "address_not_allowed":
        message = (
            'Images and files are taken as data: addresses only ("data:image/png;base64,…"); other'
            " addresses and paths are never fetched."
        )
    elif code == "missing_field":
        message = f"The field '{param}' is missing."
    elif code == "unknown_field":
        message = f"The field '{param}' is not known here: extra fields are not permitted."
    else:
        message = f"The field '{param}' is wrong: {finding}." if param else f"{finding}."
    return InvalidRequest(message, code=code, param=param[:500] or None)


def render(error: TramontaneError) -> tuple[int, bytes]:
    """Return status and body for `error`; what is wrong in a request is a 422 here."""
    said = body_of(error)
    if not isinstance(error, InvalidRequest) or error.status not in (400, 422):
        return error.status, _encode(said)
    steps = [int(s) if s.isdigit() else s for s in _STEP.findall(error.param or "")]
    detail = {
        "type": _KINDS.get(error.code, "value_error"),
        "loc": ["body", *steps],
        "msg": error.message,
    }
    return 422, _encode({**said, "detail": [detail]})


def render_event(error: TramontaneError) -> bytes:
    """Return `error` as the last event of a stream; no `[DONE]` follows it."""
    event = b"data: " + _encode(body_of(error)) + b"\n\n"
    if error.retry_after_s is None:
        return event
    wait_ms = max(1, int(error.retry_after_s * 1000 + 0.999))
    return b"%bretry: %d\n\n" % (event[:-1], wait_ms)


def body_of(error: TramontaneError) -> dict[str, Any]:
    """Return the error object for `error`."""
    kind = _TYPES.get(error.status, "invalid_request_error")
    if error.status >= 500:
        kind = "server_error"
    return {
        "object": "error",
        "message": error.message,
        "type": kind,
        "param": error.param,
        "code": error.code,
    }


_BODY = msgspec.json.Decoder(dict[str, Any])


def read_error(body: bytes) -> Said:
    """Return what a provider's error says in any of its forms; empty where in none."""
    try:
        said = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said()
    inner = said.get("error")
    if isinstance(inner, dict):
        said = inner
    message, detail = said.get("message"), said.get("detail")
    if isinstance(message, dict):
        detail = message.get("detail", detail)
        message = message.get("message")
    elif isinstance(message, list):
        message, detail = None, detail or message
    param = said.get("param")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        finding = detail[0]
        place = [str(step) for step in finding.get("loc") or () if step != "body"]
        param = param or ".".join(place) or None
        if not isinstance(message, str):
            message = f"{finding.get('msg', '')}" + (f": {param}" if param else "")
    elif isinstance(detail, str) and not isinstance(message, str):
        message = detail
    code = said.get("code")
    return Said(
        message=message if isinstance(message, str) else "",
        code=str(code) if isinstance(code, str | int) else None,
        param=param if isinstance(param, str) else None,
    )
