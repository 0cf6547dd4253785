"""Libraries: the documents of a project that belong together, or those of one conversation.

It does not know what is in a document (`documents` and `passages` do), nor who may see a library:
the studio asks `Library.project_id`, `member_id` and `conversation_id`.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import schema
from tramontane.store.names import new_id

NAME_CHARACTERS_MAX = 200
DESCRIPTION_CHARACTERS_MAX = 2_000


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """A library with how much is in it: documents in their latest versions, bytes of all.

    `conversation_id` set: that conversation's own files, in no list. `member_id` None: made with a
    key of the project.
    """

    id: str
    project_id: str
    member_id: str | None = None
    conversation_id: str | None = None
    name: str
    description: str = ""
    documents: int = 0
    size_bytes: int = 0
    created_at_ms: int
    updated_at_ms: int


def create(
    c: Connection,
    *,
    project_id: str,
    name: str,
    now_ms: int,
    description: str = "",
    member_id: str | None = None,
    conversation_id: str | None = None,
) -> Library:
    """Return a new, empty library. Raises InvalidRequest."""
    row: dict[str, Any] = {
        "id": new_id("lib"),
        "project_id": project_id,
        "member_id": member_id,
        "conversation_id": conversation_id,
        "name": check_name(name),
        "description": check_description(description),
        "created_at_ms": now_ms,
        "updated_at_ms": now_ms,
    }
    c.execute(insert(schema.libraries), row)
    return Library(**row)


def get(c: Connection, library_id: str) -> Library:
    """Return that library. Raises NotFound."""
    query = _selected().where(schema.libraries.c.id == library_id)
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise missing()
    return Library(**row)


def missing() -> NotFound:
    """Return the error for a library that is not there, or not for who asks."""
    return NotFound("there is no such library", param="library_id")


def of_conversation(c: Connection, conversation_id: str) -> Library | None:
    """Return the library of that conversation's own files; None where it has none yet."""
    query = _selected().where(schema.libraries.c.conversation_id == conversation_id)
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else Library(**row)


def demand(
    c: Connection, *, conversation_id: str, project_id: str, member_id: str, now_ms: int
) -> Library:
    """Return the library of that conversation's own files, made where there is none."""
    found = of_conversation(c, conversation_id)
    if found is not None:
        return found
    return create(
        c,
        project_id=project_id,
        member_id=member_id,
        conversation_id=conversation_id,
        name=conversation_id,
        now_ms=now_ms,
    )


def list_of_projects(c: Connection, project_ids: Collection[str]) -> list[Library]:
    """Return the libraries of those projects by name, without those of conversations."""
    t = schema.libraries.c
    query = _selected().where(t.project_id.in_(project_ids), t.conversation_id.is_(None))
    rows = c.execute(query.order_by(func.lower(t.name), t.id)).mappings()
    return [Library(**row) for row in rows]


def change(
    c: Connection,
    library_id: str,
    *,
    name: str | UnsetType = UNSET,
    description: str | UnsetType = UNSET,
    now_ms: int,
) -> Library:
    """Return the library with what was given changed. Raises NotFound, InvalidRequest."""
    changes: dict[str, Any] = {"updated_at_ms": now_ms}
    if name is not UNSET:
        changes["name"] = check_name(name)
    if description is not UNSET:
        changes["description"] = check_description(description)
    table = schema.libraries
    c.execute(update(table).where(table.c.id == library_id).values(**changes))
    return get(c, library_id)


def touch(c: Connection, library_id: str, now_ms: int) -> None:
    """Note that what is in it has changed."""
    table = schema.libraries
    c.execute(update(table).where(table.c.id == library_id).values(updated_at_ms=now_ms))


def remove(c: Connection, library_id: str) -> None:
    """Delete the library, which must be empty by now; conversations no longer ask it."""
    v = schema.conversations
    asking = select(v.c.id, v.c.library_ids).where(
        type_coerce(v.c.library_ids, Text).like(f"%{library_id}%")
    )
    for conversation_id, chosen in c.execute(asking).all():
        left = tuple(each for each in chosen or () if each != library_id)
        c.execute(update(v).where(v.c.id == conversation_id).values(library_ids=left))
    c.execute(delete(schema.libraries).where(schema.libraries.c.id == library_id))


def check_name(name: str) -> str:
    """Return `name` on one line. Raises InvalidRequest where it is empty or too long."""
    name = " ".join(name.replace("\0", "").split())
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
        raise InvalidRequest(f"name: write 1 to {NAME_CHARACTERS_MAX} characters.", param="name")
    return name


def check_description(description: str) -> str:
    """Return `description`. Raises InvalidRequest where it is too long."""
    description = description.replace("\0", "").strip()
    if len(description) > DESCRIPTION_CHARACTERS_MAX:
        raise InvalidRequest(
            f"description: write at most {DESCRIPTION_CHARACTERS_MAX} characters.",
            param="description",
        )
    return description


def _selected() -> Select[Any]:
    t, d = schema.libraries, schema.documents.c
    of_it = select(func.count(d.name.distinct())).where(d.library_id == t.c.id)
    # PostgreSQL's sum of whole numbers is a decimal.
    total = cast(func.coalesce(func.sum(d.size_bytes), 0), BigInteger)
    size = select(total).where(d.library_id == t.c.id)
    return select(
        t,
        of_it.scalar_subquery().label("documents"),
        size.scalar_subquery().label("size_bytes"),
    )
