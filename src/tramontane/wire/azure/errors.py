"""Errors in Azure's form: {"error": {"code", "message", "type", "param"}}, and as read from there.

Azure's clients take the code of `error.code`; where Azure has a word of its own for something, it
stands there instead of ours.
"""

from typing import Any

import msgspec

from tramontane.errors import TramontaneError
from tramontane.wire.canonical import Said
from tramontane.wire.openai.errors import error_type

_WORDS = {
    "invalid_api_key": "401",
    "model_not_found": "DeploymentNotFound",
    "rate_limit_exceeded": "429",
}
_encode = msgspec.json.Encoder().encode
_BODY = msgspec.json.Decoder(dict[str, Any])


def render(error: TramontaneError) -> tuple[int, bytes]:
    """Return status and body for `error`."""
    return error.status, _encode({"error": _fields(error)})


def render_event(error: TramontaneError) -> bytes:
    """Return `error` as the last event of a stream.

    Azure's own client passes over data without choices, and would take the stream for whole; at a
    line that is no data it raises, and shows that line. Others pass over the comment.
    """
    said = " ".join(error.message.split())[:500]
    data = _encode({"error": _fields(error)})
    return b": %b: %b\ndata: %b\n\n" % (error.code.encode(), said.encode(), data)


def _fields(error: TramontaneError) -> dict[str, Any]:
    return {
        "code": _WORDS.get(error.code, error.code),
        "message": error.message,
        "type": error_type(error),
        "param": error.param,
        "status": error.status,
    }


def read_error(body: bytes) -> Said:
    """Return what a provider's error says; empty where in none of Azure's forms.

    Azure OpenAI and most of Foundry wrap it in `error`; some models of Foundry do not, and name the
    field in `detail`.
    """
    try:
        said = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said()
    error = said.get("error")
    if isinstance(error, dict):
        said = error
    message, code, param = said.get("message"), said.get("code"), said.get("param")
    detail = said.get("detail")
    if isinstance(detail, dict) and isinstance(detail.get("loc"), list):
        place = [str(step) for step in detail["loc"] if step != "body"]
        param = param or ".".join(place) or None
    return Said(
        message=message if isinstance(message, str) else "",
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
    )
