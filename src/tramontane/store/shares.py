"""Links by which a conversation can be read, as far as it went when the link was made.

Only a keyed hash of the token is stored. It does not know who may make one, nor who may read.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from tramontane.errors import NotFound
from tramontane.store import schema
from tramontane.store.keys import digest
from tramontane.store.names import new_id, random_base62

TOKEN_LENGTH = 43  # 256 bits
TOKEN_LENGTH_MAX = 128


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One link. `message_id` ends the branch that it shows."""

    id: str
    conversation_id: str
    message_id: str
    created_at_ms: int
    revoked_at_ms: int | None = None


def create(
    c: Connection, pepper: bytes, *, conversation_id: str, message_id: str, now_ms: int
) -> tuple[Share, str]:
    """Return a new link and its token, which cannot be had again."""
    token = random_base62(TOKEN_LENGTH)
    share = Share(
        id=new_id("share"),
        conversation_id=conversation_id,
        message_id=message_id,
        created_at_ms=now_ms,
    )
    row = {**msgspec.structs.asdict(share), "digest": digest(pepper, token.encode())}
    c.execute(insert(schema.shares), row)
    return share, token


def url(origin: str, token: str) -> str:
    """Return a link's address. What stands behind the # is never sent, so it is in no log."""
    return f"{origin}/#/shared/{token}"


def list_of(c: Connection, conversation_id: str) -> list[Share]:
    """Return the links of a conversation that have not been taken back, newest first."""
    t = schema.shares.c
    query = select(*_columns()).where(
        t.conversation_id == conversation_id, t.revoked_at_ms.is_(None)
    )
    rows = c.execute(query.order_by(t.created_at_ms.desc(), t.id)).mappings()
    return [Share(**row) for row in rows]


def get(c: Connection, share_id: str) -> Share:
    """Return that link. Raises NotFound."""
    query = select(*_columns()).where(schema.shares.c.id == share_id)
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise missing()
    return Share(**row)


def missing() -> NotFound:
    """Return the error for a link that is not there, or not for who asks."""
    return NotFound("there is no such link", param="share_id")


def find(c: Connection, pepper: bytes, token: str) -> Share:
    """Return the link of that token. Raises NotFound alike whether it was taken back or never was.

    Whoever made it must still have an account.
    """
    if len(token) > TOKEN_LENGTH_MAX:
        raise unusable()
    t, conversations, members = schema.shares, schema.conversations, schema.members
    joined = t.join(conversations, conversations.c.id == t.c.conversation_id)
    joined = joined.join(members, members.c.id == conversations.c.member_id)
    query = (
        select(*_columns())
        .select_from(joined)
        .where(
            t.c.digest == digest(pepper, token.encode()),
            t.c.revoked_at_ms.is_(None),
            members.c.disabled_at_ms.is_(None),
        )
    )
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise unusable()
    return Share(**row)


def unusable() -> NotFound:
    """Return the one answer to every token that opens nothing."""
    return NotFound(
        "This link opens nothing: the conversation is gone, or the link was taken back.",
        code="link_unusable",
    )


def revoke(c: Connection, share_id: str, now_ms: int) -> None:
    """Take a link back; one taken back before stays as it is."""
    t = schema.shares
    mine = (t.c.id == share_id) & t.c.revoked_at_ms.is_(None)
    c.execute(update(t).where(mine).values(revoked_at_ms=now_ms))


def _columns() -> list[Any]:
    return [column for column in schema.shares.c if column.name != "digest"]
