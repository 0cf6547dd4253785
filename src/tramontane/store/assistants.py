"""Assistants that people made, for themselves or for a project.

Those that ship are `assistant.shipped`. It does not know who may change one: the studio asks
`Assistant.member_id` and `project_id`.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, Select, delete, insert, select, update

from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import schema
from tramontane.store.conversations import Parameters
from tramontane.store.names import new_id

NAME_CHARACTERS_MAX = 100
DESCRIPTION_CHARACTERS_MAX = 500
INSTRUCTIONS_CHARACTERS_MAX = 20_000
STARTERS_MAX = 8
STARTER_CHARACTERS_MAX = 500
TOOLS_MAX = 64
LIBRARIES_MAX = 32


class AssistantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an assistant is. `model` None: the one that the conversation has. What it answers may
    draw on the libraries `library_ids`, as far as they are of the conversation's project.
    """

    name: str
    description: str = ""
    instructions: str = ""
    model: str | None = None
    starters: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    parameters: Parameters = Parameters()
    library_ids: tuple[str, ...] = ()


class Assistant(msgspec.Struct, frozen=True, kw_only=True):
    """One assistant. `project_id` None: the member's own. `version` rises with every change."""

    id: str
    member_id: str
    owner_name: str
    project_id: str | None
    settings: AssistantSettings
    version: int
    created_at_ms: int
    updated_at_ms: int


def create(
    c: Connection,
    *,
    member_id: str,
    project_id: str | None,
    settings: AssistantSettings,
    now_ms: int,
) -> Assistant:
    """Return a new assistant. Raises InvalidRequest."""
    row: dict[str, Any] = {
        "id": new_id("asst"),
        "member_id": member_id,
        "project_id": project_id,
        "settings": msgspec.json.encode(check(settings)),
        "version": 1,
        "created_at_ms": now_ms,
        "updated_at_ms": now_ms,
    }
    c.execute(insert(schema.assistants), row)
    return get(c, row["id"])


def get(c: Connection, assistant_id: str) -> Assistant:
    """Return that assistant. Raises NotFound."""
    query = _selected().where(schema.assistants.c.id == assistant_id)
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise missing()
    return _assistant(row)


def missing() -> NotFound:
    """Return the error for an assistant that is not there, or not for who asks."""
    return NotFound("there is no such assistant", param="assistant_id")


def list_visible(c: Connection, member_id: str, project_ids: Collection[str]) -> list[Assistant]:
    """Return the member's own assistants and those of these projects, by name."""
    t = schema.assistants.c
    own = t.project_id.is_(None) & (t.member_id == member_id)
    rows = c.execute(_selected().where(own | t.project_id.in_(project_ids))).mappings()
    found = [_assistant(row) for row in rows]
    return sorted(found, key=lambda one: (one.settings.name.casefold(), one.id))


def list_of_member(c: Connection, member_id: str) -> list[Assistant]:
    """Return every assistant that the member made, oldest first."""
    t = schema.assistants.c
    query = _selected().where(t.member_id == member_id).order_by(t.created_at_ms, t.id)
    return [_assistant(row) for row in c.execute(query).mappings()]


def change(
    c: Connection,
    assistant_id: str,
    version: int,
    *,
    settings: AssistantSettings,
    project_id: str | UnsetType | None = UNSET,
    now_ms: int,
) -> Assistant | None:
    """Return the assistant with these settings; None where `version` is no longer its own.

    Raises InvalidRequest.
    """
    changes: dict[str, Any] = {
        "version": version + 1,
        "updated_at_ms": now_ms,
        "settings": msgspec.json.encode(check(settings)),
    }
    if project_id is not UNSET:
        changes["project_id"] = project_id
    t = schema.assistants.c
    wanted = (t.id == assistant_id) & (t.version == version)
    changed = c.execute(update(schema.assistants).where(wanted).values(**changes))
    return get(c, assistant_id) if changed.rowcount else None


def remove(c: Connection, assistant_id: str) -> None:
    """Delete the assistant. Conversations with it keep what it had said to do."""
    c.execute(delete(schema.assistants).where(schema.assistants.c.id == assistant_id))


def check(settings: AssistantSettings) -> AssistantSettings:
    """Return `settings` tidied. Raises InvalidRequest naming the field that cannot be kept."""
    starters = tuple(_text("starters", s, STARTER_CHARACTERS_MAX) for s in settings.starters)
    starters = tuple(starter for starter in starters if starter)
    if len(starters) > STARTERS_MAX:
        raise InvalidRequest(f"starters: keep at most {STARTERS_MAX}.", param="starters")
    if len(settings.tools) > TOOLS_MAX:
        raise InvalidRequest(f"tools: name at most {TOOLS_MAX}.", param="tools")
    if len(settings.library_ids) > LIBRARIES_MAX:
        raise InvalidRequest(f"library_ids: choose at most {LIBRARIES_MAX}.", param="library_ids")
    name = " ".join(_text("name", settings.name, NAME_CHARACTERS_MAX).split())
    if not name:
        raise InvalidRequest(f"name: write 1 to {NAME_CHARACTERS_MAX} characters.", param="name")
    return msgspec.structs.replace(
        settings,
        name=name,
        description=_text("description", settings.description, DESCRIPTION_CHARACTERS_MAX),
        instructions=_text("instructions", settings.instructions, INSTRUCTIONS_CHARACTERS_MAX),
        starters=starters,
    )


def _text(param: str, value: str, most: int) -> str:
    value = value.replace("\0", "").strip()
    if len(value) > most:
        raise InvalidRequest(f"{param}: write at most {most} characters.", param=param)
    return value


def _selected() -> Select[Any]:
    table, members = schema.assistants, schema.members
    joined = table.join(members, members.c.id == table.c.member_id)
    return select(table, members.c.name.label("owner_name")).select_from(joined)


def _assistant(row: Any) -> Assistant:
    fields = dict(row)
    fields["settings"] = msgspec.json.decode(fields["settings"], type=AssistantSettings)
    return Assistant(**fields)
