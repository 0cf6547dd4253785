"""Prompts that people keep, for themselves or for a project, with `{{variables}}` to fill in.

It does not know who may change one: the studio asks `Prompt.member_id` and `project_id`.
"""

import re
from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, Select, delete, func, insert, select, update

from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import schema
from tramontane.store.names import new_id

TITLE_CHARACTERS_MAX = 200
BODY_CHARACTERS_MAX = 20_000
_VARIABLE = re.compile(r"\{\{\s*([^{}\n]{1,80}?)\s*\}\}")


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt. `project_id` None: the member's own. `version` rises with every change."""

    id: str
    member_id: str
    owner_name: str
    project_id: str | None
    title: str
    body: str
    version: int
    created_at_ms: int
    updated_at_ms: int

    @property
    def variables(self) -> tuple[str, ...]:
        """The names between double braces, each once, in their order."""
        return tuple(dict.fromkeys(found[1] for found in _VARIABLE.finditer(self.body)))


def create(
    c: Connection, *, member_id: str, project_id: str | None, title: str, body: str, now_ms: int
) -> Prompt:
    """Return a new prompt. Raises InvalidRequest."""
    row: dict[str, Any] = {
        "id": new_id("prompt"),
        "member_id": member_id,
        "project_id": project_id,
        "title": check_title(title),
        "body": check_body(body),
        "version": 1,
        "created_at_ms": now_ms,
        "updated_at_ms": now_ms,
    }
    c.execute(insert(schema.prompts), row)
    return get(c, row["id"])


def get(c: Connection, prompt_id: str) -> Prompt:
    """Return that prompt. Raises NotFound."""
    query = _selected().where(schema.prompts.c.id == prompt_id)
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise missing()
    return Prompt(**row)


def missing() -> NotFound:
    """Return the error for a prompt that is not there, or not for who asks."""
    return NotFound("there is no such prompt", param="prompt_id")


def list_visible(c: Connection, member_id: str, project_ids: Collection[str]) -> list[Prompt]:
    """Return the member's own prompts and those of these projects, by title."""
    t = schema.prompts.c
    own = t.project_id.is_(None) & (t.member_id == member_id)
    query = _selected().where(own | t.project_id.in_(project_ids))
    rows = c.execute(query.order_by(func.lower(t.title), t.id)).mappings()
    return [Prompt(**row) for row in rows]


def list_of_member(c: Connection, member_id: str) -> list[Prompt]:
    """Return every prompt that the member made, oldest first."""
    t = schema.prompts.c
    query = _selected().where(t.member_id == member_id).order_by(t.created_at_ms, t.id)
    return [Prompt(**row) for row in c.execute(query).mappings()]


def change(
    c: Connection,
    prompt_id: str,
    version: int,
    *,
    title: str | UnsetType = UNSET,
    body: str | UnsetType = UNSET,
    project_id: str | UnsetType | None = UNSET,
    now_ms: int,
) -> Prompt | None:
    """Return the prompt with what was given changed; None where `version` is no longer its own.

    Raises InvalidRequest.
    """
    changes: dict[str, Any] = {"version": version + 1, "updated_at_ms": now_ms}
    if title is not UNSET:
        changes["title"] = check_title(title)
    if body is not UNSET:
        changes["body"] = check_body(body)
    if project_id is not UNSET:
        changes["project_id"] = project_id
    t = schema.prompts.c
    wanted = (t.id == prompt_id) & (t.version == version)
    changed = c.execute(update(schema.prompts).where(wanted).values(**changes))
    return get(c, prompt_id) if changed.rowcount else None


def remove(c: Connection, prompt_id: str) -> None:
    """Delete the prompt."""
    c.execute(delete(schema.prompts).where(schema.prompts.c.id == prompt_id))


def check_title(title: str) -> str:
    """Return `title` on one line. Raises InvalidRequest where it is empty or too long."""
    title = " ".join(title.replace("\0", "").split())
    if not 1 <= len(title) <= TITLE_CHARACTERS_MAX:
        raise InvalidRequest(f"title: write 1 to {TITLE_CHARACTERS_MAX} characters.", param="title")
    return title


def check_body(body: str) -> str:
    """Return `body`. Raises InvalidRequest where it is empty or too long."""
    body = body.replace("\0", "")
    if not body.strip() or len(body) > BODY_CHARACTERS_MAX:
        raise InvalidRequest(f"body: write 1 to {BODY_CHARACTERS_MAX} characters.", param="body")
    return body


def _selected() -> Select[Any]:
    table, members = schema.prompts, schema.members
    joined = table.join(members, members.c.id == table.c.member_id)
    return select(table, members.c.name.label("owner_name")).select_from(joined)
