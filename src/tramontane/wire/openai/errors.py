"""Errors in OpenAI's form: {"error": {"message", "type", "param", "code"}}.

A budget's refusal has `may_cost`, `left` and `currency` besides.
"""

import msgspec

from tramontane.errors import BudgetExhausted, TramontaneError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}


def error_type(error: TramontaneError) -> str:
    """Return the `type` word for `error`."""
    if error.code == "insufficient_quota":
        return "insufficient_quota"
    if error.status >= 500:
        return "server_error"
    return _TYPES.get(error.status, "invalid_request_error")


def render(error: TramontaneError) -> bytes:
    """Return the JSON body for `error`."""
    said = {
        "message": error.message,
        "type": error_type(error),
        "param": error.param,
        "code": error.code,
    }
    if isinstance(error, BudgetExhausted):
        said |= error.amounts
    return msgspec.json.encode({"error": said})


def render_event(error: TramontaneError) -> bytes:
    """Return `error` as the last event of a stream; no `[DONE]` follows it.

    Where waiting helps, the standard's own field `retry` says for how many milliseconds.
    """
    if error.retry_after_s is None:
        return b"data: " + render(error) + b"\n\n"
    wait_ms = max(1, int(error.retry_after_s * 1000 + 0.999))
    return b"data: %b\nretry: %d\n\n" % (render(error), wait_ms)
