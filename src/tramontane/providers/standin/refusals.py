"""Errors in the form of OpenAI's API, and msgspec's findings turned into them.

Independent of `wire` on purpose: a stand-in that shared the gateway's code would repeat its
mistakes. The codes are the API's, the sentences are ours.
"""

import re

import msgspec


class Refused(Exception):
    """A request answered with an error: HTTP `status`, and the fields of the error object."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s

    def body(self) -> bytes:
        """Return the JSON of the response body."""
        error = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return msgspec.json.encode({"error": error})


# What the API calls the error of each status, and its code.
KINDS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", None),
    502: ("server_error", None),
    503: ("server_error", "overloaded"),
}


def of_status(
    status: int, message: str | None, code: str | None, retry_after_s: float | None
) -> Refused:
    """Return the error the API gives with `status`, with what is not None put in its place."""
    kind, usual = KINDS.get(status, ("server_error" if status >= 500 else KINDS[400][0], None))
    return Refused(
        message or f"The stand-in was told to answer {status}.",
        status=status,
        kind=kind,
        code=code or usual,
        retry_after_s=retry_after_s,
    )


_FORMS = tuple(
    (re.compile(pattern), code, text)
    for pattern, code, text in (
        (r"Object missing required field `(\w+)`", "missing_required_parameter", "is required"),
        (r"Object contains unknown field `(.+)`", "unknown_parameter", "is not a parameter here"),
        (r"Expected `array` of length >= 1$", "empty_array", "must not be empty"),
        (r"Expected `array` of length <= (\d+)", "array_above_max_length", "has over {} items"),
        (r"Expected `int` <= (\S+)", "integer_above_max_value", "must be at most {}"),
        (r"Expected `int` >= (\S+)", "integer_below_min_value", "must be at least {}"),
        (r"Expected `float` <= (\S+)", "decimal_above_max_value", "must be at most {}"),
        (r"Expected `float` >= (\S+)", "decimal_below_min_value", "must be at least {}"),
        (r"Expected `str` of length <= (\d+)", "string_above_max_length", "is longer than {}"),
        (r"Expected `(.+)`, got `(.+)`", "invalid_type", "must be {}, not {}"),
        (r"Expected `(.+)`", "invalid_type", "must be {}"),
        (r"Invalid (?:enum )?value (.+)", "invalid_value", "may not be {}"),
    )
)  # fmt: skip


def of_validation(error: msgspec.DecodeError) -> Refused:
    """Return what the API answers to a body that msgspec found wrong with `error`."""
    if not isinstance(error, msgspec.ValidationError):
        return Refused(f"The body of the request is not valid JSON ({error}).")
    finding, _, place = str(error).partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    for pattern, code, text in _FORMS:
        match = pattern.match(finding)
        if match is None:
            continue
        groups = match.groups()
        if code in ("missing_required_parameter", "unknown_parameter"):
            path = f"{path}.{groups[0]}" if path else groups[0]
        if path == "model" and code == "missing_required_parameter":
            return Refused("A model is needed: set 'model'.")
        subject = f"'{path}'" if path else "The body"
        return Refused(f"{subject} {text.format(*groups)}.", param=path or None, code=code)
    return Refused(f"'{path}': {finding}." if path else f"{finding}.", param=path or None)
