"""From a request's credential to its principal, in memory.

One path for every header a client library may use. It does not know the store: the digests come
with the directory.
"""

import hmac

from tramontane.errors import Forbidden, Unauthenticated
from tramontane.gateway.directory import Directory, Principal
from tramontane.store.records import Right

_HOW = "Send it as 'Authorization: Bearer $TRAMONTANE_KEY'."


class Authenticator:
    """Turns credentials into principals of the current directory."""

    __slots__ = ("_pepper",)

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def principal(self, directory: Directory, credential: bytes | None, now_ms: int) -> Principal:
        """Return whose `credential` it is ("Bearer …" or the bare key).

        Raises Unauthenticated where it is missing, unknown or expired.
        """
        if credential is None:
            raise Unauthenticated(f"No API key was sent. {_HOW}", code="missing_api_key")
        secret = credential[7:] if credential[:7].lower() == b"bearer " else credential
        digest = hmac.digest(self._pepper, secret.strip(), "sha256")
        principal = directory.principals.get(digest)
        if principal is None or not hmac.compare_digest(principal.key.digest, digest):
            raise Unauthenticated(f"This API key is not known, or has been revoked. {_HOW}")
        expires = principal.key.expires_at_ms
        if expires is not None and expires <= now_ms:
            raise Unauthenticated("This API key has expired. Ask for a new one.")
        return principal


def require(principal: Principal, right: Right) -> None:
    """Raise Forbidden unless the key has `right`."""
    if right not in principal.key.rights:
        raise Forbidden(
            f"This key lacks the right '{right}'. It has: {', '.join(principal.key.rights)}.",
            code="right_missing",
        )


def require_open(principal: Principal) -> None:
    """Raise Forbidden where the project has been closed."""
    if principal.project.closed_reason is not None:
        raise Forbidden(
            f"The project '{principal.project.name}' is closed:"
            f" {principal.project.closed_reason}. Ask its operator to open it.",
            code="project_closed",
        )
