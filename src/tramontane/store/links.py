"""One-time links: the first administrator's, invitations, resets of passwords.

A link can be used once, until it expires or is revoked, and as long as whoever made it may still
grant what it grants. Only a keyed hash of its token is stored. It does not know who may
make one: the studio does.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, insert, select, update

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import members, memberships, prepayments, projects, schema
from tramontane.store.keys import digest
from tramontane.store.names import check_models, check_name, new_id, random_base62
from tramontane.store.records import Link, LinkPurpose, Role

TOKEN_LENGTH = 43  # 256 bits
DAY_MS = 86_400_000
LIFETIME_MS: dict[LinkPurpose, int] = {
    "first_admin": DAY_MS,
    "invitation": 7 * DAY_MS,
    "password_reset": DAY_MS,
}


def create(
    c: Connection,
    pepper: bytes,
    *,
    purpose: LinkPurpose,
    email: str | None = None,
    is_admin: bool = False,
    project_id: str | None = None,
    role: Role | None = None,
    member_id: str | None = None,
    created_by: str | None = None,
    new_project: str | None = None,
    prepaid_nano: int | None = None,
    allowed_models: Iterable[str] | None = None,
    now_ms: int,
) -> tuple[Link, str]:
    """Return a new link and its token, which cannot be had again.

    It takes the place of earlier ones for the first administrator, of a reset of the same
    password, and of an invitation of the same address to the same project. With `new_project`
    who uses it makes that project, which can spend `prepaid_nano` on `allowed_models` (None: on
    every model). Raises InvalidRequest, Conflict where that name is taken, or promised to somebody
    else.
    """
    if new_project is not None:
        _check_new_project(c, new_project, prepaid_nano, email, now_ms)
    elif allowed_models is not None:
        raise InvalidRequest(
            "allowed_models goes with new_project: a project that is here has its own",
            param="allowed_models",
        )
    token = random_base62(TOKEN_LENGTH)
    link = Link(
        id=new_id("lnk"),
        digest=digest(pepper, token.encode()),
        purpose=purpose,
        email=None if email is None else members.check_email(email),
        is_admin=is_admin,
        project_id=project_id,
        role=role,
        member_id=member_id,
        created_by=created_by,
        created_at_ms=now_ms,
        expires_at_ms=now_ms + LIFETIME_MS[purpose],
        new_project=new_project,
        prepaid_nano=prepaid_nano,
        allowed_models=check_models(allowed_models),
    )
    _replace_earlier(c, link)
    c.execute(insert(schema.links), msgspec.structs.asdict(link))
    return link, token


def url(origin: str, token: str) -> str:
    """Return a link's address. What stands behind the # is never sent, so it is in no log."""
    return f"{origin}/#/welcome/{token}"


def find(c: Connection, pepper: bytes, token: str, now_ms: int) -> Link:
    """Return the link of that token, if it can be used now.

    Raises NotFound alike whether it has been used or revoked, has expired or never was.
    """
    query = select(schema.links).where(schema.links.c.digest == digest(pepper, token.encode()))
    row = c.execute(query).mappings().one_or_none()
    link = None if row is None else Link(**row)
    if link is None or not is_usable(c, link, now_ms):
        raise unusable()
    return link


def use(c: Connection, link: Link, now_ms: int) -> None:
    """Use the link up. Raises NotFound where somebody else was first."""
    t = schema.links
    mine = (t.c.id == link.id) & t.c.used_at_ms.is_(None) & t.c.revoked_at_ms.is_(None)
    if c.execute(update(t).where(mine).values(used_at_ms=now_ms)).rowcount == 0:
        raise unusable()


def unusable() -> NotFound:
    """Return the one answer to every link that cannot be used."""
    return NotFound(
        "This link cannot be used: it has been used already, has expired, or was taken back."
        " Ask for a new one.",
        code="link_unusable",
    )


def is_usable(c: Connection, link: Link, now_ms: int) -> bool:
    """Return whether the link can be used now, as its maker's rights are now."""
    if link.used_at_ms is not None or link.revoked_at_ms is not None:
        return False
    if now_ms >= link.expires_at_ms:
        return False
    if link.purpose == "first_admin":
        return members.is_empty(c)
    return link.created_by is None or _may_still_grant(c, link, link.created_by)


def list_invitations(c: Connection, project_id: str | None = None) -> list[Link]:
    """Return the invitations that wait to be used, expired ones too, newest first."""
    t = schema.links
    query = select(t).where(
        t.c.purpose == "invitation", t.c.used_at_ms.is_(None), t.c.revoked_at_ms.is_(None)
    )
    if project_id is not None:
        query = query.where(t.c.project_id == project_id)
    rows = c.execute(query.order_by(t.c.created_at_ms.desc(), t.c.id))
    return [Link(**row) for row in rows.mappings()]


def get(c: Connection, link_id: str) -> Link:
    """Return an invitation by its identifier. Raises NotFound."""
    t = schema.links
    query = select(t).where(t.c.id == link_id, t.c.purpose == "invitation")
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such invitation", param="invitation_id")
    return Link(**row)


def revoke(c: Connection, link_id: str, now_ms: int) -> None:
    """Take a link back; one used or taken back before stays as it is."""
    t = schema.links
    mine = (t.c.id == link_id) & t.c.used_at_ms.is_(None) & t.c.revoked_at_ms.is_(None)
    c.execute(update(t).where(mine).values(revoked_at_ms=now_ms))


def revoke_resets(c: Connection, member_id: str, now_ms: int) -> None:
    """Take back every link that would reset that member's password."""
    t = schema.links
    open_ = t.c.used_at_ms.is_(None) & t.c.revoked_at_ms.is_(None)
    c.execute(
        update(t)
        .where((t.c.member_id == member_id) & (t.c.purpose == "password_reset") & open_)
        .values(revoked_at_ms=now_ms)
    )


def was_first_issued(c: Connection) -> bool:
    """Return whether a link for the first administrator was ever made."""
    t = schema.links.c
    return c.scalar(select(t.id).where(t.purpose == "first_admin").limit(1)) is not None


def _check_new_project(
    c: Connection, name: str, prepaid_nano: int | None, email: str | None, now_ms: int
) -> None:
    projects.check_free(c, check_name("project", name, "new_project"), "new_project")
    if prepaid_nano is None:
        raise InvalidRequest(
            "say how much the new project can spend", param="prepaid", code="missing_field"
        )
    prepayments.check_amount(prepaid_nano, "prepaid")
    folded = None if email is None else members.check_email(email)
    for link in list_invitations(c):
        if link.new_project != name or not is_usable(c, link, now_ms):
            continue
        if folded is None or link.email != folded:  # else the new one takes its place
            raise Conflict(
                f"somebody else is invited to make {name!r}; take that invitation back first",
                param="new_project",
            )


def _may_still_grant(c: Connection, link: Link, member_id: str) -> bool:
    makes_project = link.new_project is not None
    needs_admin = link.is_admin or link.purpose == "password_reset" or makes_project
    return memberships.may_manage(c, member_id, None if needs_admin else link.project_id)


def _replace_earlier(c: Connection, link: Link) -> None:
    t = schema.links
    same = t.c.purpose == link.purpose
    if link.purpose == "invitation":
        if link.email is None:
            return
        same &= (t.c.email == link.email) & (t.c.project_id == link.project_id)
        same &= t.c.new_project == link.new_project
    elif link.purpose == "password_reset":
        same &= t.c.member_id == link.member_id
    open_ = t.c.used_at_ms.is_(None) & t.c.revoked_at_ms.is_(None)
    c.execute(update(t).where(same & open_).values(revoked_at_ms=link.created_at_ms))
