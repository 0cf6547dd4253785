"""Errors in Anthropic's form, written for clients and read from providers.

{"type": "error", "error": {"type", "message"}}, with our own code in `details.error_code`, where
Anthropic's client looks for one. A stream ends with it as the event `error`.
"""

import msgspec

from tramontane.errors import RateLimited, TramontaneError, Unavailable, UpstreamFailed
from tramontane.wire.canonical import Said

OVERLOADED = 529
_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}
_OVERLOADED_CODES = frozenset(("overloaded", "upstream_overloaded"))


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Body(msgspec.Struct):
    error: _Error


_DECODE = msgspec.json.Decoder(_Body).decode


def status_of(error: TramontaneError) -> int:
    """Return the status as Anthropic's API has it: 529 for overload, 402 for a spent budget."""
    if error.code in _OVERLOADED_CODES:
        return OVERLOADED
    return 402 if error.code == "insufficient_quota" else error.status


def render(error: TramontaneError) -> bytes:
    """Return the JSON body for `error`."""
    status = status_of(error)
    kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    details = {"error_code": error.code}
    if error.param is not None:
        details["param"] = error.param
    said = {"type": kind, "message": error.message, "details": details}
    return msgspec.json.encode({"type": "error", "error": said})


def render_event(error: TramontaneError) -> bytes:
    """Return `error` as the last event of a stream; no `message_stop` follows it."""
    return b"event: error\ndata: " + render(error) + b"\n\n"


def read(body: bytes) -> Said:
    """Return what a provider's error says; empty where it has another form."""
    try:
        error = _DECODE(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said()
    return Said(message=error.message, code=error.type or None)


def of_stream(kind: str) -> TramontaneError:
    """Return what the event `error` of the type `kind` means in a provider's stream."""
    said = f"The provider ended its stream with an error ({kind[:64] or 'unnamed'})."
    if kind == "overloaded_error":
        return Unavailable(said, code="upstream_overloaded", retry_after_s=1.0)
    if kind == "rate_limit_error":
        return RateLimited(said, code="upstream_rate_limited", retry_after_s=1.0)
    return UpstreamFailed(said)
