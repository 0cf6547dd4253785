"""From a request's credential to its principal, in memory.

One path for every header a client library may use, and a second for the studio, which asks in
somebody's name. It does not know the store: the digests come with the directory.
"""

import hmac

from tramontane.errors import Forbidden, InvalidRequest, Unauthenticated
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
        if has_expired(principal, now_ms):
            raise Unauthenticated("This API key has expired. Ask for a new one.")
        return principal


class Deputy:
    """Vouches for the studio at the private door: one secret, and whom the request is for."""

    __slots__ = ("_expected",)

    def __init__(self, service_key: str) -> None:
        self._expected = b"Bearer " + service_key.encode()

    def principal(
        self, directory: Directory, credential: bytes | None, key_id: bytes | None, now_ms: int
    ) -> Principal:
        """Return the principal of the key with the id `key_id`.

        Raises Unauthenticated without the service key, InvalidRequest without an id, Forbidden
        where that key has been revoked, has expired or was never there.
        """
        if credential is None or not hmac.compare_digest(credential, self._expected):
            raise Unauthenticated("This address takes the service key only.")
        if not key_id:
            raise InvalidRequest("Say for whom: x-tramontane-act-for.", code="act_for_missing")
        principal = directory.principals_by_id.get(key_id.decode("latin-1"))
        if principal is None or has_expired(principal, now_ms):
            raise access_ended()
        return principal


def has_expired(principal: Principal, now_ms: int) -> bool:
    """Whether the principal's key has expired."""
    expires = principal.key.expires_at_ms
    return expires is not None and expires <= now_ms


def access_ended() -> Forbidden:
    """Return the refusal of somebody who is no longer in the project."""
    return Forbidden(
        "Access to this project has ended. Ask its manager or an administrator.",
        code="access_ended",
    )


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


def names_of(directory: Directory) -> dict[str, str]:
    """Return what projects and keys are called, by their identifiers."""
    names: dict[str, str] = {}
    for principal in directory.principals.values():
        names[principal.project.id] = principal.project.name
        names[principal.key.id] = principal.key.name
    return names
