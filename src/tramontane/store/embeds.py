"""Embeds: an assistant on somebody else's site, with a key of its own that pays for it.

It does not know visitors, nor what an assistant says.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import keys, schema
from tramontane.store.names import new_id

TITLE_CHARACTERS_MAX = 100
ORIGINS_MAX = 20
_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
    r"|\[[0-9a-f:]+\])(?::[0-9]{1,5})?",
    re.ASCII,
)


class Embed(msgspec.Struct, frozen=True, kw_only=True):
    """One embed. `allowed_origins` are the sites that may show it."""

    id: str
    member_id: str
    project_id: str
    assistant_id: str
    key_id: str
    title: str
    allowed_origins: tuple[str, ...]
    created_at_ms: int
    revoked_at_ms: int | None = None


def create(
    c: Connection,
    *,
    member_id: str,
    project_id: str,
    assistant_id: str,
    title: str,
    allowed_origins: Iterable[str],
    now_ms: int,
) -> Embed:
    """Return a new embed with a key that nobody can send. Raises InvalidRequest, NotFound."""
    title = check_title(title)
    origins = check_origins(allowed_origins)
    key = keys.create_without_secret(
        c, project_id=project_id, name=_key_name(title), rights=("infer",), now_ms=now_ms
    )
    embed = Embed(
        id=new_id("emb"),
        member_id=member_id,
        project_id=project_id,
        assistant_id=assistant_id,
        key_id=key.id,
        title=title,
        allowed_origins=origins,
        created_at_ms=now_ms,
    )
    c.execute(insert(schema.embeds), msgspec.structs.asdict(embed))
    return embed


def get(c: Connection, embed_id: str) -> Embed:
    """Return that embed, unless it was taken away. Raises NotFound."""
    t = schema.embeds.c
    query = select(schema.embeds).where(t.id == embed_id, t.revoked_at_ms.is_(None))
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise missing()
    return Embed(**row)


def missing() -> NotFound:
    """Return the error for an embed that is not there, or not for who asks."""
    return NotFound("there is no such embed", param="embed_id")


def list_of(c: Connection, project_ids: Collection[str] | None) -> list[Embed]:
    """Return the embeds of these projects, or all, that were not taken away, newest first."""
    t = schema.embeds.c
    query = select(schema.embeds).where(t.revoked_at_ms.is_(None))
    if project_ids is not None:
        query = query.where(t.project_id.in_(project_ids))
    rows: Any = c.execute(query.order_by(t.created_at_ms.desc(), t.id)).mappings()
    return [Embed(**row) for row in rows]


def revoke(c: Connection, embed: Embed, now_ms: int) -> None:
    """Take the embed away, and revoke its key: answers under way end within five seconds."""
    t = schema.embeds
    c.execute(update(t).where(t.c.id == embed.id).values(revoked_at_ms=now_ms))
    keys.revoke(c, embed.key_id, now_ms)


def check_title(title: str) -> str:
    """Return `title` on one line. Raises InvalidRequest where it is empty or too long."""
    title = " ".join(title.replace("\0", "").split())
    if not 1 <= len(title) <= TITLE_CHARACTERS_MAX:
        raise InvalidRequest(f"title: write 1 to {TITLE_CHARACTERS_MAX} characters.", param="title")
    return title


def check_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """Return origins such as https://www.example.org, each once. Raises InvalidRequest."""
    found = tuple(dict.fromkeys(origin.strip().lower().rstrip("/") for origin in origins))
    if not 1 <= len(found) <= ORIGINS_MAX:
        raise InvalidRequest(
            f"allowed_origins: name 1 to {ORIGINS_MAX} sites that may show it.",
            param="allowed_origins",
        )
    for origin in found:
        if not _ORIGIN.fullmatch(origin):
            raise InvalidRequest(
                f"allowed_origins: {origin[:80]!r} is no site; write it as"
                " https://www.example.org, without a path.",
                param="allowed_origins",
            )
    return found


def _key_name(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return f"embed-{slug or 'assistant'}"
