"""Members: the people of a platform. They are disabled, never deleted, for bills name their keys.

Their place in projects is `store.memberships`. It does not know how somebody proves who they are:
a hash of a password is kept here, and checked in the studio.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, func, insert, select, update

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import memberships, schema, sessions
from tramontane.store.names import new_id
from tramontane.store.records import Language, Member

LANGUAGES: tuple[Language, ...] = get_args(Language)
NAME_LENGTH = 100
PREFERENCES_BYTES = 8_192
_EMAIL = re.compile(r"[^\s@<>\"(),;:\\\[\]]{1,64}@[^\s@<>\"(),;:\\\[\]/?#]{1,189}")


def create(
    c: Connection,
    *,
    email: str,
    name: str,
    password_hash: str | None,
    is_admin: bool = False,
    language: str = "en",
    now_ms: int,
) -> Member:
    """Return a new member. Raises InvalidRequest, Conflict where the address is taken."""
    member = Member(
        id=new_id("mem"),
        email=check_email(email),
        name=check_name(name),
        is_admin=is_admin,
        language=check_language(language),
        created_at_ms=now_ms,
    )
    if find(c, member.email) is not None:
        raise Conflict(f"{member.email} has an account already", param="email")
    row = {**msgspec.structs.asdict(member), "password_hash": password_hash}
    c.execute(insert(schema.members), row)
    return member


def is_empty(c: Connection) -> bool:
    """Return whether nobody has an account yet."""
    return c.scalar(select(schema.members.c.id).limit(1)) is None


def list_all(c: Connection) -> list[Member]:
    """Return every member, disabled ones too, by name."""
    t = schema.members.c
    rows = c.execute(select(*_columns()).order_by(func.lower(t.name), t.email))
    return [Member(**row) for row in rows.mappings()]


def get(c: Connection, id_or_email: str) -> Member:
    """Return that member. Raises NotFound."""
    t = schema.members.c
    wanted = (t.id == id_or_email) | (t.email == fold_email(id_or_email))
    row = c.execute(select(*_columns()).where(wanted)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no member {id_or_email[:80]!r}", param="member_id")
    return Member(**row)


def get_enabled(c: Connection, id_or_email: str) -> Member:
    """Return that member. Raises NotFound, Conflict where they are disabled."""
    member = get(c, id_or_email)
    if member.disabled_at_ms is not None:
        raise Conflict(f"{member.name} is disabled; enable them first", param="member_id")
    return member


def find(c: Connection, email: str) -> Member | None:
    """Return the member with that address, None where nobody has it."""
    query = select(*_columns()).where(schema.members.c.email == fold_email(email))
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else Member(**row)


def credentials(c: Connection, email: str) -> tuple[Member | None, str | None]:
    """Return the member with that address and the hash of their password, as far as there are."""
    query = select(schema.members).where(schema.members.c.email == fold_email(email))
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        return None, None
    fields = dict(row)
    hashed = fields.pop("password_hash")
    return Member(**fields), hashed


def password_hash(c: Connection, member_id: str) -> str | None:
    """Return the hash of a member's password, None where they sign in some other way."""
    t = schema.members.c
    found: str | None = c.scalar(select(t.password_hash).where(t.id == member_id))
    return found


def set_password_hash(c: Connection, member_id: str, hashed: str) -> None:
    """Keep the hash of a member's new password. Sessions are the caller's to end."""
    _change(c, member_id, {"password_hash": hashed})


def update_profile(
    c: Connection,
    member_id: str,
    *,
    name: str | UnsetType = UNSET,
    language: str | UnsetType = UNSET,
    preferences: Mapping[str, Any] | UnsetType = UNSET,
) -> Member:
    """Return the member with what was given changed; each given preference replaces its own.

    Raises NotFound, InvalidRequest.
    """
    member = get(c, member_id)
    changes: dict[str, Any] = {}
    if name is not UNSET:
        changes["name"] = check_name(name)
    if language is not UNSET:
        changes["language"] = check_language(language)
    if preferences is not UNSET:
        kept = msgspec.json.decode(member.preferences)
        changes["preferences"] = _preferences({**kept, **preferences})
    _change(c, member.id, changes)
    return msgspec.structs.replace(member, **changes)


def set_admin(c: Connection, member_id: str, is_admin: bool) -> Member:
    """Return the member, administering everything or not. Raises NotFound, Conflict."""
    member = get(c, member_id)
    if not is_admin:
        _check_not_last_admin(c, member)
    _change(c, member.id, {"is_admin": is_admin})
    return msgspec.structs.replace(member, is_admin=is_admin)


def disable(c: Connection, member_id: str, now_ms: int) -> Member:
    """Return the member, signed out everywhere and with every key of theirs revoked.

    Raises NotFound, Conflict for the last administrator.
    """
    member = get(c, member_id)
    if member.disabled_at_ms is not None:
        return member
    _check_not_last_admin(c, member)
    _change(c, member.id, {"disabled_at_ms": now_ms})
    sessions.end_all(c, member.id)
    memberships.revoke_keys(c, member.id, now_ms)
    return msgspec.structs.replace(member, disabled_at_ms=now_ms)


def enable(c: Connection, member_id: str, now_ms: int) -> Member:
    """Return the member, who may sign in again; each membership gets a new key. Raises NotFound."""
    member = get(c, member_id)
    if member.disabled_at_ms is None:
        return member
    _change(c, member.id, {"disabled_at_ms": None})
    memberships.renew_keys(c, member, now_ms)
    return msgspec.structs.replace(member, disabled_at_ms=None)


def fold_email(email: str) -> str:
    """Return `email` as it is stored and looked up."""
    return unicodedata.normalize("NFC", email).strip().casefold()


def check_email(email: str) -> str:
    """Return `email` folded; InvalidRequest unless it has the form of an address."""
    folded = fold_email(email)
    if not _EMAIL.fullmatch(folded) or not folded.isprintable():
        raise InvalidRequest(
            "email: write an address such as ada@example.org", param="email", code="invalid_value"
        )
    return folded


def check_name(name: str) -> str:
    """Return `name` without spaces around it; InvalidRequest unless 1 to 100 visible characters."""
    found = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(found) <= NAME_LENGTH or not found.isprintable():
        raise InvalidRequest(
            f"name: write 1 to {NAME_LENGTH} characters", param="name", code="invalid_value"
        )
    return found


def check_language(language: str) -> Language:
    """Return `language`; InvalidRequest unless the platform speaks it."""
    for known in LANGUAGES:
        if language == known:
            return known
    raise InvalidRequest(
        f"language: must be one of {', '.join(LANGUAGES)}", param="language", code="invalid_value"
    )


def _preferences(values: Mapping[str, Any]) -> bytes:
    encoded = msgspec.json.encode(values)
    if len(encoded) > PREFERENCES_BYTES:
        raise InvalidRequest(
            f"preferences: {len(encoded)} bytes, at most {PREFERENCES_BYTES} are kept",
            param="preferences",
            code="invalid_value",
        )
    return encoded


def _check_not_last_admin(c: Connection, member: Member) -> None:
    if not member.is_admin or member.disabled_at_ms is not None:
        return
    t = schema.members.c
    others = (t.id != member.id) & t.is_admin & t.disabled_at_ms.is_(None)
    if c.scalar(select(t.id).where(others).limit(1)) is None:
        raise Conflict(
            f"{member.name} is the last administrator; make somebody else one first",
            code="last_admin",
        )


def _columns() -> list[Any]:
    return [column for column in schema.members.c if column.name != "password_hash"]


def _change(c: Connection, member_id: str, changes: Mapping[str, Any]) -> None:
    if changes:
        c.execute(update(schema.members).where(schema.members.c.id == member_id).values(**changes))
