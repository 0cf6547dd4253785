"""Every error a user can meet, as one tree.

Each carries a stable `code`, an HTTP `status`, the `param` at fault where one is known and, where
waiting helps, `retry_after_s`. It does not know how a dialect spells an error: `wire` renders it.
A message to a user says what happened and what to change.
"""

from typing import Self


class TramontaneError(Exception):
    """The root. `status` is an HTTP status, `code` a stable word, `retry_after_s` in seconds."""

    status = 500
    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class InvalidRequest(TramontaneError):
    """The request cannot be served as written; the caller must change it."""

    status = 400
    code = "invalid_request"


class Unauthenticated(TramontaneError):
    """No key, an unknown key, or one that has expired or been revoked."""

    status = 401
    code = "invalid_api_key"


class Forbidden(TramontaneError):
    """The key is good, but its rights do not reach this far."""

    status = 403
    code = "forbidden"


class NotFound(TramontaneError):
    """No such thing, or none that this key may see."""

    status = 404
    code = "not_found"


class Conflict(TramontaneError):
    """It exists already, or is in use."""

    status = 409
    code = "conflict"


class PayloadTooLarge(TramontaneError):
    """Head, body or upload exceeds the operator's cap."""

    status = 413
    code = "payload_too_large"


class RateLimited(TramontaneError):
    """The caller's own requests or tokens per minute are used up."""

    status = 429
    code = "rate_limit_exceeded"


class BudgetExhausted(TramontaneError):
    """A budget cannot afford the request. Retrying before the window ends does not help.

    `may_cost` is the most that the request can cost and `left` what the budget has free, both as
    decimals of `currency`; None: not said. Where something is left, a cheaper request may pass.
    """

    status = 429
    code = "insufficient_quota"
    may_cost: str | None = None
    left: str | None = None
    currency: str | None = None

    def telling(self, may_cost: str | None, left: str | None, currency: str | None) -> Self:
        """Return it with the amounts that it is about."""
        self.may_cost, self.left, self.currency = may_cost, left, currency
        return self

    @property
    def amounts(self) -> dict[str, str | None]:
        """The amounts by name; empty where they were not said."""
        if self.may_cost is None:
            return {}
        return {"may_cost": self.may_cost, "left": self.left, "currency": self.currency}


class Overloaded(TramontaneError):
    """The deployment's queue is full or the wait would be too long."""

    status = 503
    code = "overloaded"


class Unavailable(TramontaneError):
    """A part of the platform that the request needs is not up."""

    status = 503
    code = "unavailable"


class Stopping(TramontaneError):
    """This gateway is stopping; another, or the next one, will serve the request."""

    status = 503
    code = "stopping"


class UpstreamFailed(TramontaneError):
    """The engine or provider answered with an error, or not in its own protocol."""

    status = 502
    code = "upstream_error"


class UpstreamTimeout(TramontaneError):
    """The engine or provider did not answer in time."""

    status = 504
    code = "upstream_timeout"


class InvalidModelFile(TramontaneError):
    """A model file that is not what it claims to be. Nothing was loaded."""

    status = 400
    code = "invalid_model_file"


class ExtractFailed(TramontaneError):
    """A document that cannot be read; `code` says why, the message what to do about it."""

    status = 422
    code = "document_corrupt"


class ConfigError(TramontaneError):
    """The configuration cannot be used; the message names the file, the setting and the mend."""

    status = 500
    code = "invalid_configuration"
