"""Conversations: made, listed, changed, deleted for good.

It does not know what was said in one: `messages` does. Nor who may see it: the studio asks
`Conversation.member_id`, `project_id` and `shared_at_ms`.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal

import msgspec
from sqlalchemy import Connection, Select, and_, delete, insert, or_, select, update

from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import documents, libraries, schema
from tramontane.store.documents import Removed
from tramontane.store.names import new_id

TitleSource = Literal["none", "question", "model", "member", "import"]
TITLE_CHARACTERS_MAX = 200


class Parameters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a model is asked; what is None is left to the model. `tools` None: those allowed."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    seed: int | None = None
    stop: Annotated[tuple[str, ...], msgspec.Meta(max_length=4)] | None = None
    tools: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a conversation beside its messages.

    `shown_message_id` is the end of the branch that is shown; `shared_at_ms` set means that the
    members of its project may read it.
    """

    id: str
    member_id: str
    owner_name: str
    project_id: str
    title: str
    title_source: TitleSource
    model: str
    assistant_id: str | None = None
    instructions: str | None = None
    parameters: Parameters = Parameters()
    is_temporary: bool = False
    shown_message_id: str | None = None
    pinned_at_ms: int | None = None
    archived_at_ms: int | None = None
    shared_at_ms: int | None = None
    imported_from: str | None = None
    created_at_ms: int
    updated_at_ms: int
    library_ids: tuple[str, ...] | None = None


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a list ended."""

    is_unpinned: bool
    updated_at_ms: int
    id: str


def create(
    c: Connection,
    *,
    member_id: str,
    project_id: str,
    model: str,
    now_ms: int,
    assistant_id: str | None = None,
    instructions: str | None = None,
    parameters: Parameters = Parameters(),  # noqa: B008 - it is frozen
    is_temporary: bool = False,
    title: str = "",
    title_source: TitleSource = "none",
    imported_from: str | None = None,
    updated_at_ms: int | None = None,
) -> Conversation:
    """Return a new conversation of that member without messages; an empty title is none yet.

    `updated_at_ms` is for what is imported: when it was last used where it came from.
    """
    conversation_id = new_id("conv")
    c.execute(
        insert(schema.conversations),
        {
            "id": conversation_id,
            "member_id": member_id,
            "project_id": project_id,
            "title": title[:TITLE_CHARACTERS_MAX],
            "title_source": title_source,
            "model": model,
            "assistant_id": assistant_id,
            "instructions": instructions,
            "parameters": msgspec.json.encode(parameters),
            "is_temporary": is_temporary,
            "imported_from": imported_from,
            "created_at_ms": now_ms,
            "updated_at_ms": now_ms if updated_at_ms is None else updated_at_ms,
        },
    )
    return get(c, conversation_id)


def get(c: Connection, conversation_id: str) -> Conversation:
    """Return that conversation. Raises NotFound."""
    t = schema.conversations.c
    row = c.execute(_selected().where(t.id == conversation_id)).mappings().one_or_none()
    if row is None:
        raise missing()
    return _conversation(row)


def missing() -> NotFound:
    """Return the error for a conversation that is not there, or not for who asks."""
    return NotFound("there is no such conversation", param="conversation_id")


def page(
    c: Connection,
    *,
    project_ids: Collection[str],
    member_id: str | None = None,
    is_shared: bool = False,
    is_archived: bool = False,
    after: Position | None = None,
    limit: int = 50,
) -> list[Conversation]:
    """Return the next conversations of those projects: pinned ones, then the last used first.

    Those of `member_id`, where given; those shared with their project, where `is_shared`.
    Temporary ones are in no list.
    """
    t = schema.conversations.c
    unpinned = t.pinned_at_ms.is_(None)
    archived = t.archived_at_ms.is_not(None) if is_archived else t.archived_at_ms.is_(None)
    query = _selected().where(t.project_id.in_(project_ids), ~t.is_temporary, archived)
    if member_id is not None:
        query = query.where(t.member_id == member_id)
    if is_shared:
        query = query.where(t.shared_at_ms.is_not(None))
    if after is not None:
        at = after.updated_at_ms
        later = or_(t.updated_at_ms < at, and_(t.updated_at_ms == at, t.id < after.id))
        query = query.where(and_(unpinned, later) if after.is_unpinned else or_(unpinned, later))
    query = query.order_by(unpinned, t.updated_at_ms.desc(), t.id.desc()).limit(limit)
    return [_conversation(row) for row in c.execute(query).mappings()]


def list_of_member(c: Connection, member_id: str) -> list[Conversation]:
    """Return every conversation of that member, archived ones too, oldest first."""
    t = schema.conversations.c
    query = _selected().where(t.member_id == member_id, ~t.is_temporary)
    rows = c.execute(query.order_by(t.created_at_ms, t.id)).mappings()
    return [_conversation(row) for row in rows]


def position(conversation: Conversation) -> Position:
    """Return where the list goes on after `conversation`."""
    is_unpinned = conversation.pinned_at_ms is None
    return Position(is_unpinned, conversation.updated_at_ms, conversation.id)


def change(c: Connection, conversation_id: str, **changes: Any) -> Conversation:
    """Return the conversation with those fields changed. Raises NotFound, InvalidRequest."""
    if isinstance(changes.get("parameters"), Parameters):
        changes["parameters"] = msgspec.json.encode(changes["parameters"])
    if "title" in changes:
        changes["title"] = check_title(changes["title"])
    table = schema.conversations
    if changes:
        c.execute(update(table).where(table.c.id == conversation_id).values(**changes))
    return get(c, conversation_id)


def check_title(title: str) -> str:
    """Return `title` on one line. Raises InvalidRequest where it is empty or too long."""
    title = " ".join(title.split())
    if not title or len(title) > TITLE_CHARACTERS_MAX:
        raise InvalidRequest(f"title: write 1 to {TITLE_CHARACTERS_MAX} characters.", param="title")
    return title


def remove(c: Connection, conversation_id: str) -> list[Removed]:
    """Delete the conversation with all that hangs on it, the index of words too.

    Returns what is left on the disk of documents that were brought into it.
    """
    t = schema.conversations.c
    library = libraries.of_conversation(c, conversation_id)
    removed: list[Removed] = []
    if library is not None:
        removed = documents.remove(c, documents.ids_of(c, library.id))
        libraries.remove(c, library.id)
    for table in (schema.shares, schema.messages):  # messages first: the index asks whose they are
        c.execute(delete(table).where(table.c.conversation_id == conversation_id))
    c.execute(delete(schema.conversations).where(t.id == conversation_id))
    return removed


def unused_temporary(c: Connection, before_ms: int) -> list[Conversation]:
    """Return the temporary conversations that were last used before that moment."""
    t = schema.conversations.c
    query = _selected().where(t.is_temporary, t.updated_at_ms < before_ms)
    return [_conversation(row) for row in c.execute(query).mappings()]


def _selected() -> Select[Any]:
    table, members = schema.conversations, schema.members
    joined = table.join(members, members.c.id == table.c.member_id)
    return select(table, members.c.name.label("owner_name")).select_from(joined)


def _conversation(row: Any) -> Conversation:
    fields = dict(row)
    fields["parameters"] = msgspec.json.decode(fields["parameters"], type=Parameters)
    return Conversation(**fields)
