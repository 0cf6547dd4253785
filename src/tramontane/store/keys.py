"""Keys: issued once, kept as keyed hashes, narrowed but never widened, revoked.

A secret reads tmt_ + 8 characters that name the key + _ + 33 random ones (196 bits). Only the
first twelve characters and HMAC-SHA256(pepper, secret) are stored. The key of a member's place in a
project has no secret at all. It does not know which right an operation needs.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from typing import get_args

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, insert, select, update

from tramontane.errors import Conflict, Forbidden, InvalidRequest, Unauthenticated
from tramontane.store import projects, schema
from tramontane.store.database import bump_revision
from tramontane.store.names import check_models, check_name, new_id, random_base62, unknown
from tramontane.store.records import Key, Project, Right

RIGHTS: tuple[Right, ...] = get_args(Right)
_SECRET = re.compile(r"(tmt_[0-9A-Za-z]{8})_[0-9A-Za-z]{33}", re.ASCII)


def create(
    c: Connection,
    pepper: bytes,
    *,
    project_id: str,
    name: str,
    rights: Iterable[str] = ("infer", "read"),
    allowed_models: Iterable[str] | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    expires_at_ms: int | None = None,
    now_ms: int,
    issuer: Key | None = None,
) -> tuple[Key, str]:
    """Return a new key and its secret, which cannot be had again.

    With an `issuer` the key may do nothing that the issuer may not, nor for longer; without, the
    operator issues it. Raises NotFound, InvalidRequest, Conflict, Forbidden.
    """
    project = projects.get(c, project_id)
    key_prefix = "tmt_" + random_base62(8)
    secret = f"{key_prefix}_{random_base62(33)}"
    key = Key(
        id=new_id("key"),
        project_id=project.id,
        name=check_name("key", name),
        prefix=key_prefix,
        digest=digest(pepper, secret.encode()),
        rights=_check_rights(rights),
        allowed_models=check_models(allowed_models),
        requests_per_minute=_check_limit(requests_per_minute, "requests_per_minute"),
        tokens_per_minute=_check_limit(tokens_per_minute, "tokens_per_minute"),
        expires_at_ms=expires_at_ms,
        created_at_ms=now_ms,
        policy=None if issuer is None else get(c, issuer.id).policy,
    )
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidRequest("the key would have expired already", param="expires_at_ms")
    _check_within_project(key, project)
    if issuer is not None:
        _check_within_issuer(key, get(c, issuer.id), now_ms)  # as it is now, not as it was
    _check_free(c, project, name)
    _insert(c, key)
    return key, secret


def create_without_secret(
    c: Connection,
    *,
    project_id: str,
    name: str,
    member_id: str | None = None,
    rights: Iterable[str] = ("infer", "read"),
    now_ms: int,
) -> Key:
    """Return a new key that nobody can send: the studio alone asks in its name.

    Where `name` is taken it gets a number: ada, ada-2, ada-3. Raises NotFound, InvalidRequest.
    """
    project = projects.get(c, project_id)
    key = Key(
        id=new_id("key"),
        project_id=project.id,
        member_id=member_id,
        name=_free_name(c, project, check_name("key", name)),
        prefix="tmt_" + random_base62(8),
        digest=secrets.token_bytes(32),  # of no secret: nothing hashes to it
        rights=_check_rights(rights),
        created_at_ms=now_ms,
    )
    _insert(c, key)
    return key


def list_all(c: Connection, project_ids: tuple[str, ...] | None = None) -> list[Key]:
    """Return every key, revoked ones too, oldest first; of these projects where given."""
    query = select(schema.keys).order_by(schema.keys.c.created_at_ms, schema.keys.c.id)
    if project_ids is not None:
        query = query.where(schema.keys.c.project_id.in_(project_ids))
    return [_key(row) for row in c.execute(query).mappings()]


def get(c: Connection, key_id: str, project_id: str | None = None) -> Key:
    """Return the key of that identifier, prefix or secret. Raises NotFound.

    With a `project_id` it must be that project's, and the name of one not revoked will do.
    """
    key_id = prefix(key_id) or key_id  # a secret pasted here is in no query and no message
    t = schema.keys.c
    wanted = (t.id == key_id) | (t.prefix == key_id)
    known = select(t.id)
    if project_id is not None:
        wanted |= (t.name == key_id) & t.revoked_at_ms.is_(None)
        wanted &= t.project_id == project_id
        known = select(t.name).where(t.project_id == project_id, t.revoked_at_ms.is_(None))
    row = c.execute(select(schema.keys).where(wanted)).mappings().one_or_none()
    if row is None:
        raise unknown("key", key_id, c.scalars(known), "key_id")
    return _key(row)


def revoke(c: Connection, key_id: str, now_ms: int, *, of_member: bool = False) -> Key:
    """Return the key, revoked for good; one revoked before keeps its time.

    Raises NotFound, and Conflict for a member's key unless `of_member`: it ends with its place.
    """
    key = get(c, key_id)
    if key.revoked_at_ms is not None:
        return key
    if key.member_id is not None and not of_member:
        raise Conflict(
            f"the key {key.name} is a member's place in its project; disable the member, or take"
            " them out of the project",
            param="key_id",
        )
    c.execute(update(schema.keys).where(schema.keys.c.id == key.id).values(revoked_at_ms=now_ms))
    bump_revision(c)
    return msgspec.structs.replace(key, revoked_at_ms=now_ms)


def change(
    c: Connection,
    key_id: str,
    *,
    name: str | UnsetType = UNSET,
    allowed_models: Iterable[str] | UnsetType | None = UNSET,
    requests_per_minute: int | UnsetType | None = UNSET,
    tokens_per_minute: int | UnsetType | None = UNSET,
    expires_at_ms: int | UnsetType | None = UNSET,
    now_ms: int,
    issuer: Key | None = None,
) -> Key:
    """Return the key with what is given changed; None takes a limit of its own away.

    With an `issuer` it may then do nothing that the issuer may not. Raises NotFound,
    InvalidRequest, Forbidden, and Conflict where the name is taken, the key has been revoked or is
    a member's place.
    """
    old = get(c, key_id)
    if old.revoked_at_ms is not None or old.member_id is not None:
        why = "has been revoked" if old.member_id is None else "is a member's place in its project"
        raise Conflict(f"the key {old.name} {why}: it cannot be changed", param="key_id")
    project = projects.get(c, old.project_id)
    given: dict[str, object] = {}
    if name is not UNSET and name != old.name:
        given["name"] = check_name("key", name)
        _check_free(c, project, name)
    if allowed_models is not UNSET:
        given["allowed_models"] = check_models(allowed_models)
    if requests_per_minute is not UNSET:
        given["requests_per_minute"] = _check_limit(requests_per_minute, "requests_per_minute")
    if tokens_per_minute is not UNSET:
        given["tokens_per_minute"] = _check_limit(tokens_per_minute, "tokens_per_minute")
    if expires_at_ms is not UNSET:
        given["expires_at_ms"] = expires_at_ms
    key = msgspec.structs.replace(old, **given)
    if "allowed_models" in given:
        _check_within_project(key, project)
    if issuer is not None:
        _check_within_issuer(key, get(c, issuer.id), now_ms)
    if given:
        c.execute(update(schema.keys).where(schema.keys.c.id == key.id).values(**given))
        bump_revision(c)
    return key


def set_policy(c: Connection, key_id: str, policy: bytes | None) -> Key:
    """Return the key under that policy (JSON, checked before) beside its project's, None for none.

    Raises NotFound.
    """
    key = get(c, key_id)
    c.execute(update(schema.keys).where(schema.keys.c.id == key.id).values(policy=policy))
    bump_revision(c)
    return msgspec.structs.replace(key, policy=policy)


def authenticate(c: Connection, pepper: bytes, secret: str, now_ms: int) -> tuple[Key, Project]:
    """Return whose `secret` this is. Raises Unauthenticated, which never repeats the secret.

    A closed project still authenticates: it may read, though not ask for tokens.
    """
    key_prefix = prefix(secret)
    row = None
    if key_prefix is not None:
        query = select(schema.keys).where(schema.keys.c.prefix == key_prefix)
        row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise Unauthenticated("this key is not known; check it, or ask for a new one")
    key = _key(row)
    is_right = hmac.compare_digest(key.digest, digest(pepper, secret.encode()))
    if not is_right or key.member_id is not None:
        raise Unauthenticated("this key is not known; check it, or ask for a new one")
    check_alive(key, now_ms)
    return key, projects.get(c, key.project_id)


def check_alive(key: Key, now_ms: int) -> None:
    """Raise Unauthenticated where the key was revoked or has expired."""
    if key.revoked_at_ms is not None:
        raise Unauthenticated(f"the key {key.prefix}… has been revoked")
    if key.expires_at_ms is not None and key.expires_at_ms <= now_ms:
        raise Unauthenticated(f"the key {key.prefix}… has expired")


def digest(pepper: bytes, secret: bytes) -> bytes:
    """Return HMAC-SHA256 of `secret` under `pepper`, 32 bytes."""
    return hmac.digest(pepper, secret, hashlib.sha256)


def prefix(secret: str) -> str | None:
    """Return the part of `secret` that is safe to show, None where it has not a key's form."""
    match = _SECRET.fullmatch(secret)
    return match[1] if match else None


def usable_models(key: Key, project: Project) -> tuple[str, ...] | None:
    """Return the models that `key` may ask for, None for every model.

    What the project may not use, its keys may not, whenever it was narrowed.
    """
    return narrowed(key.allowed_models, project.allowed_models)


def narrowed(
    of_key: tuple[str, ...] | None, of_project: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Return the models that both lists allow; None is every model."""
    return of_project if of_key is None else _common(of_key, of_project)


def _common(some: tuple[str, ...], others: Collection[str] | None) -> tuple[str, ...]:
    return some if others is None else tuple(model for model in some if model in others)


def _check_rights(rights: Iterable[str]) -> tuple[Right, ...]:
    asked = frozenset(rights)
    if wrong := sorted(asked.difference(RIGHTS)):
        raise InvalidRequest(
            f"{wrong[0]!r} is no right; there are {', '.join(RIGHTS)}", param="rights"
        )
    if not asked:
        raise InvalidRequest("give the key at least one right", param="rights")
    return tuple(right for right in RIGHTS if right in asked)


def _check_limit(value: int | None, param: str) -> int | None:
    return None if value is None else projects.check_limit(value, param)


def _check_within_project(key: Key, project: Project) -> None:
    if key.allowed_models is None:
        return
    more = [m for m in key.allowed_models if m not in _common((m,), project.allowed_models)]
    if more:
        raise InvalidRequest(
            f"the project {project.name!r} may not use {', '.join(more)}; allow it there first",
            param="allowed_models",
        )


def _check_within_issuer(key: Key, issuer: Key, now_ms: int) -> None:
    check_alive(issuer, now_ms)
    if key.project_id != issuer.project_id and "operate" not in issuer.rights:
        raise Forbidden("a key of another project needs the right operate", param="project_id")
    if more := [right for right in key.rights if right not in issuer.rights]:
        raise Forbidden(
            f"your key has not the right {', '.join(more)}, so cannot give it", param="rights"
        )
    if issuer.allowed_models is not None and (
        key.allowed_models is None or not frozenset(key.allowed_models) <= {*issuer.allowed_models}
    ):
        raise Forbidden(
            f"your key may use {', '.join(issuer.allowed_models) or 'no model'} only,"
            " so allow the new one a part of these",
            param="allowed_models",
        )
    _check_not_above(key.requests_per_minute, issuer.requests_per_minute, "requests_per_minute")
    _check_not_above(key.tokens_per_minute, issuer.tokens_per_minute, "tokens_per_minute")
    _check_not_above(key.expires_at_ms, issuer.expires_at_ms, "expires_at_ms")


def _check_not_above(value: int | None, bound: int | None, param: str) -> None:
    if bound is not None and (value is None or value > bound):
        raise Forbidden(f"{param} must be at most your own key's, {bound}", param=param)


def _insert(c: Connection, key: Key) -> None:
    c.execute(insert(schema.keys), msgspec.structs.asdict(key))
    bump_revision(c)


def _free_name(c: Connection, project: Project, name: str) -> str:
    found, number = name, 1
    while _is_taken(c, project, found):
        number += 1
        found = f"{name[:58]}-{number}"
    return found


def _is_taken(c: Connection, project: Project, name: str) -> bool:
    t = schema.keys.c
    taken = (t.project_id == project.id) & (t.name == name) & t.revoked_at_ms.is_(None)
    return c.scalar(select(t.id).where(taken)) is not None


def _check_free(c: Connection, project: Project, name: str) -> None:
    if _is_taken(c, project, name):
        raise Conflict(
            f"{project.name} has a key named {name!r}; revoke it or choose another name",
            param="name",
        )


def _key(row: object) -> Key:
    return msgspec.convert(row, Key)
