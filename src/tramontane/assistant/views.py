"""What readers are shown of conversations and messages: the API's own structs.

Pure. It does not know who may see what.
"""

from typing import Any

import msgspec

from tramontane.store.conversations import Conversation, Parameters
from tramontane.store.messages import (
    Failure,
    FilesPart,
    Message,
    Part,
    Rating,
    Receipt,
    ResultPart,
    Role,
    SourcesPart,
    Status,
)
from tramontane.store.windows import time_name


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation in a list."""

    id: str
    title: str
    project_id: str
    model: str
    assistant_id: str | None
    is_temporary: bool
    is_mine: bool
    owner_name: str
    is_running: bool
    pinned_at: str | None
    archived_at: str | None
    shared_at: str | None
    created_at: str
    updated_at: str


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A question or an answer. `parts` in order: a question's files; an answer's sources, text,
    reasoning, calls of tools with their results, and what was checked last.
    """

    id: str
    parent_id: str | None
    role: Role
    status: Status
    parts: tuple[Part, ...]
    model: str | None
    receipt: Receipt | None
    error: Failure | None
    rating: Rating | None
    rating_reason: str | None
    created_at: str
    updated_at: str


class ConversationView(Summary, frozen=True, kw_only=True):
    """A conversation with its tree of messages, as of the event `feed`."""

    instructions: str | None
    parameters: Parameters
    library_ids: tuple[str, ...]
    shown_message_id: str | None
    messages: list[MessageView]
    feed: str


def summary(conversation: Conversation, *, is_mine: bool, is_running: bool) -> Summary:
    """Return `conversation` as its owner, or another member of the project, sees it in a list."""
    return Summary(**_summary(conversation, is_mine=is_mine, is_running=is_running))


def conversation_view(
    conversation: Conversation,
    messages: list[MessageView],
    *,
    is_mine: bool,
    is_running: bool,
    feed: str,
) -> ConversationView:
    """Return all of it."""
    return ConversationView(
        **_summary(conversation, is_mine=is_mine, is_running=is_running),
        instructions=conversation.instructions,
        parameters=conversation.parameters,
        library_ids=conversation.library_ids or (),
        shown_message_id=conversation.shown_message_id,
        messages=messages,
        feed=feed,
    )


def message_view(message: Message) -> MessageView:
    """Return `message` as readers see it."""
    return MessageView(
        id=message.id,
        parent_id=message.parent_id,
        role=message.role,
        status=message.status,
        parts=message.parts,
        model=message.model,
        receipt=message.receipt,
        error=message.error,
        rating=message.rating,
        rating_reason=message.rating_reason,
        created_at=time_name(message.created_at_ms),
        updated_at=time_name(message.updated_at_ms),
    )


def without_ways_in(message: Message) -> Message:
    """Return `message` for a reader who may see none of its documents and tables: what stands in it
    stays, and names none by its identifier.
    """
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, FilesPart):
            files = (msgspec.structs.replace(file, document_id="") for file in part.files)
            part = FilesPart(tuple(files))
        elif isinstance(part, SourcesPart):
            sources = (msgspec.structs.replace(source, document_id="") for source in part.sources)
            part = SourcesPart(tuple(sources), part.searched)
        elif isinstance(part, ResultPart):
            part = msgspec.structs.replace(part, tables=())
        parts.append(part)
    return msgspec.structs.replace(message, parts=tuple(parts))


def _summary(c: Conversation, *, is_mine: bool, is_running: bool) -> dict[str, Any]:
    return {
        "id": c.id,
        "title": c.title,
        "project_id": c.project_id,
        "model": c.model,
        "assistant_id": c.assistant_id,
        "is_temporary": c.is_temporary,
        "is_mine": is_mine,
        "owner_name": c.owner_name,
        "is_running": is_running,
        "pinned_at": _optional(c.pinned_at_ms),
        "archived_at": _optional(c.archived_at_ms),
        "shared_at": _optional(c.shared_at_ms),
        "created_at": time_name(c.created_at_ms),
        "updated_at": time_name(c.updated_at_ms),
    }


def _optional(ms: int | None) -> str | None:
    return None if ms is None else time_name(ms)
