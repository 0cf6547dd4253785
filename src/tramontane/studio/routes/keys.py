"""`/api/v1/keys`: credentials of a project. A secret is shown once, in the answer that makes it."""

from typing import Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tramontane.errors import Forbidden, InvalidRequest
from tramontane.store import keys
from tramontane.store.records import Key, Right
from tramontane.store.windows import time_name
from tramontane.studio.auth import GivenCaller
from tramontane.studio.discretion import hidden_keys
from tramontane.studio.moments import optional_name, parse_optional
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.projects import scope_of, seen_by


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret; `prefix` is the part of it that is safe to show.

    One with a `member_id` is that member's place in the project; it has no secret to be sent.
    """

    id: str
    project_id: str
    member_id: str | None
    name: str
    prefix: str
    state: Literal["active", "expired", "revoked"]
    rights: tuple[Right, ...]
    allowed_models: tuple[str, ...] | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    expires_at: str | None
    revoked_at: str | None
    created_at: str


class KeyList(msgspec.Struct, frozen=True):
    """Keys, revoked ones too, oldest first."""

    data: list[KeyView]


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new key is made of. It may do nothing that the key which makes it may not.

    `project_id` may be the project's name; `expires_at` is a date or a moment (UTC).
    """

    project_id: str
    name: str
    rights: tuple[Right, ...] = ("infer", "read")
    allowed_models: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_at: str | None = None


class IssuedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key with its secret, which cannot be had again."""

    key: KeyView
    secret: str


@get("/keys", **describe("listKeys", "List keys", "Keys", right="read", errors=(404,)))
def list_keys(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> KeyList:
    """An operator sees every key, or one project's; others those of their own projects,
    but not those of colleagues.
    """
    with platform.store.read() as c:
        found = keys.list_all(c, scope_of(c, caller, project_id))
        hidden = hidden_keys(c, caller)
    now_ms = platform.clock_ms()
    return KeyList([_view(key, now_ms) for key in found if key.id not in hidden])


@post(
    "/keys",
    **describe("createKey", "Issue a key", "Keys", right="operate", errors=(404, 409, 413)),
)
def create_key(platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewKey]) -> IssuedKey:
    """Needs the right `operate`, and every right that the new key is given."""
    now_ms = platform.clock_ms()
    expires_at_ms = parse_optional(data.expires_at, "expires_at")
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidRequest("expires_at: has passed already", param="expires_at")
    own_ms = None if caller.key is None else caller.key.expires_at_ms
    if own_ms is not None and (expires_at_ms is None or expires_at_ms > own_ms):
        raise Forbidden(
            f"expires_at: must be at most your own key's, {time_name(own_ms)}", param="expires_at"
        )
    with platform.store.write() as c:
        key, secret = keys.create(
            c,
            platform.pepper,
            project_id=seen_by(c, caller, data.project_id).id,
            name=data.name,
            rights=data.rights,
            allowed_models=data.allowed_models,
            requests_per_minute=data.requests_per_minute,
            tokens_per_minute=data.tokens_per_minute,
            expires_at_ms=expires_at_ms,
            now_ms=now_ms,
            issuer=caller.key,
        )
    return IssuedKey(key=_view(key, now_ms), secret=secret)


@delete(
    "/keys/{key_id:str}",
    status_code=200,
    **describe("revokeKey", "Revoke a key for good", "Keys", right="operate", errors=(404, 409)),
)
def revoke_key(platform: GivenPlatform, key_id: FromPath[str]) -> KeyView:
    """Needs the right `operate`. Streams open with the key end within five seconds. A member's key
    ends only with their place in the project.
    """
    now_ms = platform.clock_ms()
    with platform.store.write() as c:
        return _view(keys.revoke(c, key_id, now_ms), now_ms)


def _view(key: Key, now_ms: int) -> KeyView:
    return KeyView(
        id=key.id,
        project_id=key.project_id,
        member_id=key.member_id,
        name=key.name,
        prefix=key.prefix,
        state=_state(key, now_ms),
        rights=key.rights,
        allowed_models=key.allowed_models,
        requests_per_minute=key.requests_per_minute,
        tokens_per_minute=key.tokens_per_minute,
        expires_at=optional_name(key.expires_at_ms),
        revoked_at=optional_name(key.revoked_at_ms),
        created_at=time_name(key.created_at_ms),
    )


def _state(key: Key, now_ms: int) -> Literal["active", "expired", "revoked"]:
    if key.revoked_at_ms is not None:
        return "revoked"
    if key.expires_at_ms is not None and key.expires_at_ms <= now_ms:
        return "expired"
    return "active"
