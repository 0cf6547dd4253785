"""`/api/v1/keys`: credentials of a project. A secret is shown once, in the answer that makes it."""

from typing import Literal

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.errors import Forbidden, InvalidRequest
from tramontane.store import keys, memberships
from tramontane.store.records import Key, Right
from tramontane.store.windows import time_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.discretion import hidden_keys, seen_key
from tramontane.studio.moments import optional_name, parse_optional
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.members import check_manages
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
    """What a new key is made of. It may do nothing that who makes it may not.

    `project_id` may be the project's name; `expires_at` is a date or a moment (UTC).
    """

    project_id: str
    name: str
    rights: tuple[Right, ...] = ("infer", "read")
    allowed_models: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_at: str | None = None


class KeyChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays. Null takes a limit of the key's own away."""

    name: str | UnsetType = UNSET
    allowed_models: tuple[str, ...] | UnsetType | None = UNSET
    requests_per_minute: int | UnsetType | None = UNSET
    tokens_per_minute: int | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET


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
    **describe(
        "createKey", "Issue a key", "Keys",
        right="operate", managers=True, errors=(404, 409, 413),
    ),
)  # fmt: skip
def create_key(platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewKey]) -> IssuedKey:
    """Needs the right `operate`, and every right that the new key is given; or a member who manages
    the project: then the key may do at most what the member's own place in the project may.
    """
    now_ms = platform.clock_ms()
    expires_at_ms = _read_end(data.expires_at, now_ms)
    own_ms = None if caller.key is None else caller.key.expires_at_ms
    if own_ms is not None and (expires_at_ms is None or expires_at_ms > own_ms):
        raise Forbidden(
            f"expires_at: must be at most your own key's, {time_name(own_ms)}", param="expires_at"
        )
    with platform.store.write() as c:
        project_id = seen_by(c, caller, data.project_id).id
        key, secret = keys.create(
            c,
            platform.pepper,
            project_id=project_id,
            name=data.name,
            rights=data.rights,
            allowed_models=data.allowed_models,
            requests_per_minute=data.requests_per_minute,
            tokens_per_minute=data.tokens_per_minute,
            expires_at_ms=expires_at_ms,
            now_ms=now_ms,
            issuer=_issuer(c, caller, project_id),
        )
    return IssuedKey(key=_view(key, now_ms), secret=secret)


@patch(
    "/keys/{key_id:str}",
    **describe(
        "changeKey", "Rename or limit a key", "Keys",
        right="operate", managers=True, errors=(404, 409, 413),
    ),
)  # fmt: skip
def change_key(
    platform: GivenPlatform,
    caller: GivenCaller,
    key_id: FromPath[str],
    data: JSONBody[KeyChanges],
) -> KeyView:
    """For who may issue one there. Gateways follow within two seconds. Rights and secret stay."""
    now_ms = platform.clock_ms()
    ends = data.expires_at
    with platform.store.write() as c:
        key = _changeable(c, caller, key_id)
        changed = keys.change(
            c,
            key.id,
            name=data.name,
            allowed_models=data.allowed_models,
            requests_per_minute=data.requests_per_minute,
            tokens_per_minute=data.tokens_per_minute,
            expires_at_ms=UNSET if ends is UNSET else _read_end(ends, now_ms),
            now_ms=now_ms,
            issuer=_issuer(c, caller, key.project_id),
        )
    return _view(changed, now_ms)


@delete(
    "/keys/{key_id:str}",
    status_code=200,
    **describe(
        "revokeKey", "Revoke a key for good", "Keys",
        right="operate", managers=True, errors=(404, 409),
    ),
)  # fmt: skip
def revoke_key(platform: GivenPlatform, caller: GivenCaller, key_id: FromPath[str]) -> KeyView:
    """Needs the right `operate`, or a member who manages the key's project, where the key does not
    operate. Streams open with it end within five seconds. A member's key ends only with their place
    in the project.
    """
    now_ms = platform.clock_ms()
    with platform.store.write() as c:
        key = _changeable(c, caller, key_id)
        return _view(keys.revoke(c, key.id, now_ms), now_ms)


def _read_end(text: str | None, now_ms: int) -> int | None:
    """Return when a key is to end, None for never. Raises InvalidRequest."""
    expires_at_ms = parse_optional(text, "expires_at")
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidRequest("expires_at: has passed already", param="expires_at")
    return expires_at_ms


def _issuer(c: Connection, caller: Caller, project_id: str) -> Key | None:
    """Return the key that a new one in that project must stay within; None: an administrator's.

    It is the caller's, or that of a manager's own place there. Raises Forbidden.
    """
    if caller.key is not None:
        return caller.key
    check_manages(c, caller, project_id)
    member_id = caller.person().id
    if memberships.may_manage(c, member_id, None):
        return None
    return keys.get(c, memberships.get(c, member_id, project_id).key_id)


def _changeable(c: Connection, caller: Caller, key_id: str) -> Key:
    """Return that key where the caller may change it. Raises NotFound, Forbidden."""
    key = seen_key(c, caller, key_id)
    if caller.key is not None:
        return key  # it operates, or would not have come here
    check_manages(c, caller, key.project_id)
    if "operate" in key.rights and not memberships.may_manage(c, caller.person().id, None):
        raise Forbidden(
            f"The key {key.name} manages everything: an administrator looks after it.",
            param="key_id",
        )
    return key


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
