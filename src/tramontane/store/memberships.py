"""Memberships: who belongs to which project, and the key that each uses there.

The key has no secret: nobody can send it. The studio asks in its name, so that what a member uses
is limited and billed as any key's is. It does not know who may grant what: the studio does.
"""

import re
from collections.abc import Iterator
from typing import get_args

from sqlalchemy import Connection, delete, insert, select, update

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import keys, projects, schema
from tramontane.store.records import Member, Membership, Project, Role

ROLES: tuple[Role, ...] = get_args(Role)


def put(c: Connection, *, member: Member, project_id: str, role: str, now_ms: int) -> Membership:
    """Return the membership, made with a key of its own, or with its role changed.

    Raises NotFound for the project, InvalidRequest, Conflict where the member is disabled.
    """
    if member.disabled_at_ms is not None:
        raise Conflict(f"{member.name} is disabled; enable them first", param="member_id")
    project = projects.get(c, project_id)
    chosen = check_role(role)
    t = schema.memberships
    mine = (t.c.member_id == member.id) & (t.c.project_id == project.id)
    if c.execute(update(t).where(mine).values(role=chosen)).rowcount == 0:
        row = {
            "member_id": member.id,
            "project_id": project.id,
            "role": chosen,
            "key_id": _new_key(c, member, project, now_ms),
            "created_at_ms": now_ms,
        }
        c.execute(insert(t), row)
    return get(c, member.id, project.id)


def raise_to(
    c: Connection, *, member: Member, project_id: str, role: Role, now_ms: int
) -> Membership:
    """Return the membership with that role, or the higher one it has. Raises as `put` does."""
    for held in list_all(c, member_id=member.id, project_id=project_id):
        if held.role == "manager":
            return held
    return put(c, member=member, project_id=project_id, role=role, now_ms=now_ms)


def may_manage(c: Connection, member_id: str, project_id: str | None) -> bool:
    """Return whether that member may say, now, who belongs to that project (None: to any)."""
    t = schema.members.c
    row = c.execute(select(t.is_admin, t.disabled_at_ms).where(t.id == member_id)).one_or_none()
    if row is None or row.disabled_at_ms is not None:
        return False
    if row.is_admin or project_id is None:
        return bool(row.is_admin)
    found = list_all(c, member_id=member_id, project_id=project_id)
    return any(place.role == "manager" for place in found)


def remove(c: Connection, member_id: str, project_id: str, now_ms: int) -> None:
    """End a membership and its key. Raises NotFound."""
    found = get(c, member_id, project_id)
    t = schema.memberships
    c.execute(delete(t).where(t.c.key_id == found.key_id))
    keys.revoke(c, found.key_id, now_ms, of_member=True)


def get(c: Connection, member_id: str, project_id: str) -> Membership:
    """Return the membership. Raises NotFound."""
    for found in _select(c, member_id=member_id, project_id=project_id):
        return found
    raise NotFound("there is no such member in this project", param="member_id")


def list_all(
    c: Connection, *, member_id: str | None = None, project_id: str | None = None
) -> list[Membership]:
    """Return memberships by project and age; of one member, or in one project, where given."""
    return list(_select(c, member_id=member_id, project_id=project_id))


def revoke_keys(c: Connection, member_id: str, now_ms: int) -> None:
    """Revoke the key of each of a member's memberships, which stay."""
    for membership in list_all(c, member_id=member_id):
        keys.revoke(c, membership.key_id, now_ms, of_member=True)


def renew_keys(c: Connection, member: Member, now_ms: int) -> None:
    """Give each of a member's memberships a new key in place of the revoked one."""
    t = schema.memberships
    for membership in list_all(c, member_id=member.id):
        key_id = _new_key(c, member, projects.get(c, membership.project_id), now_ms)
        c.execute(update(t).where(t.c.key_id == membership.key_id).values(key_id=key_id))


def check_role(role: str) -> Role:
    """Return `role`; InvalidRequest unless it is one."""
    for known in ROLES:
        if role == known:
            return known
    raise InvalidRequest(
        f"role: must be one of {', '.join(ROLES)}", param="role", code="invalid_value"
    )


def key_name(email: str) -> str:
    """Return a name for the key of a member with this address.

    >>> key_name("ada.lovelace@example.org"), key_name("élodie@example.org")
    ('ada.lovelace', 'member-lodie')
    """
    local = re.sub(r"[^a-z0-9._-]+", "-", email.partition("@")[0])[:50]
    name = local if re.match(r"[a-z0-9]", local) else f"member{local}"
    return f"member-{name}" if name.startswith(("prj_", "key_", "bud_", "tmt_")) else name


def _new_key(c: Connection, member: Member, project: Project, now_ms: int) -> str:
    return keys.create_without_secret(
        c,
        project_id=project.id,
        name=key_name(member.email),
        member_id=member.id,
        now_ms=now_ms,
    ).id


def _select(
    c: Connection, *, member_id: str | None, project_id: str | None
) -> Iterator[Membership]:
    t, p, k = schema.memberships.c, schema.projects.c, schema.keys.c
    query = (
        select(
            t.member_id,
            t.project_id,
            p.name.label("project_name"),
            p.closed_reason,
            t.role,
            t.key_id,
            t.created_at_ms,
            p.allowed_models.label("of_project"),
            k.allowed_models.label("of_key"),
        )
        .join_from(schema.memberships, schema.projects, p.id == t.project_id)
        .join(schema.keys, k.id == t.key_id)
        .order_by(p.name, t.created_at_ms, t.member_id)
    )
    if member_id is not None:
        query = query.where(t.member_id == member_id)
    if project_id is not None:
        query = query.where(t.project_id == project_id)
    for found in c.execute(query).mappings():
        row = dict(found)
        usable = keys.narrowed(row.pop("of_key"), row.pop("of_project"))
        yield Membership(**row, usable_models=usable)
