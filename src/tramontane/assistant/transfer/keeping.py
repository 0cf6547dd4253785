"""Keeps what was read out of a file: each conversation whole or not at all, nothing twice.

A conversation is known by where it came from, a message by its place in it, so that a file read
again adds only what it did not have before. It does not read files.
"""

import hashlib
from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, select

from tramontane.assistant import titles
from tramontane.assistant.transfer.records import (
    ImportedConversation,
    ImportedMessage,
    OwnPart,
    Part,
    Reasoning,
    Text,
    ToolUse,
)
from tramontane.store import conversations, messages, schema
from tramontane.store.conversations import Conversation
from tramontane.store.messages import Message, ReasoningPart, TextPart, ToolPart


class Kept(msgspec.Struct, frozen=True):
    """What one conversation added. Nothing, where all of it was here already."""

    conversation: Conversation
    is_new: bool
    messages: int


def keep(
    c: Connection,
    read: ImportedConversation,
    *,
    member_id: str,
    project_id: str,
    model: str,
    now_ms: int,
) -> Kept:
    """Add what is new of `read` to the store; call it in a transaction of its own."""
    origin = f"{read.source}:{read.key}"
    before = _before(c, member_id, read, origin)
    if before is None:
        kept = _create(c, read, origin, member_id, project_id, model, now_ms)
    else:
        kept = conversations.get(c, before)
        if kept.imported_from is None:  # our own, read from its own export: it is all here
            return Kept(kept, False, 0)
    added = _add(c, kept.id, read, now_ms)
    if not added and before is not None:
        return Kept(kept, False, 0)
    shown = None if read.shown is None else _id(kept.id, read.shown)
    updated_at_ms = max(kept.updated_at_ms, min(read.updated_at_ms, now_ms))
    kept = conversations.change(c, kept.id, shown_message_id=shown, updated_at_ms=updated_at_ms)
    return Kept(kept, before is None, added)


def _before(c: Connection, member_id: str, read: ImportedConversation, origin: str) -> str | None:
    t = schema.conversations.c
    same = t.imported_from == origin
    if read.source == "tramontane":
        same |= t.id == read.key
    query = select(t.id).where(t.member_id == member_id, same).limit(1)
    found: str | None = c.scalar(query)
    return found


def _create(
    c: Connection,
    read: ImportedConversation,
    origin: str,
    member_id: str,
    project_id: str,
    model: str,
    now_ms: int,
) -> Conversation:
    created_at_ms = min(read.created_at_ms or now_ms, now_ms)
    kept = conversations.create(
        c,
        member_id=member_id,
        project_id=project_id,
        model=model,
        instructions=read.instructions,
        title=read.title or _title(read),
        title_source="import",
        imported_from=origin,
        now_ms=created_at_ms,
        updated_at_ms=max(created_at_ms, min(read.updated_at_ms, now_ms)),
    )
    changes: dict[str, int] = {}
    if read.is_archived:
        changes["archived_at_ms"] = kept.updated_at_ms
    if read.is_pinned:
        changes["pinned_at_ms"] = kept.updated_at_ms
    return conversations.change(c, kept.id, **changes)


def _title(read: ImportedConversation) -> str:
    for message in read.messages:
        for part in message.parts:
            if message.role == "user" and isinstance(part, Text):
                return titles.from_question(part.text)
    return ""


def _add(c: Connection, conversation_id: str, read: ImportedConversation, now_ms: int) -> int:
    t = schema.messages.c
    there = set(c.scalars(select(t.id).where(t.conversation_id == conversation_id)))
    ids: Mapping[str, str] = {m.key: _id(conversation_id, m.key) for m in read.messages}
    new = [
        _message(message, conversation_id, ids, now_ms)
        for message in read.messages
        if ids[message.key] not in there
    ]
    messages.add(c, new)
    return len(new)


def _id(conversation_id: str, key: str) -> str:
    digest = hashlib.sha256(f"{conversation_id}\0{key}".encode()).hexdigest()
    return f"msg_{digest[:24]}"


def _message(
    read: ImportedMessage, conversation_id: str, ids: Mapping[str, str], now_ms: int
) -> Message:
    created_at_ms = min(read.created_at_ms or now_ms, now_ms)
    return Message(
        id=ids[read.key],
        conversation_id=conversation_id,
        parent_id=None if read.parent is None else ids.get(read.parent),
        role=read.role,
        parts=tuple(_part(part) for part in read.parts),
        model=read.model,
        rating=read.rating,
        rating_reason=read.rating_reason,
        created_at_ms=created_at_ms,
        updated_at_ms=created_at_ms,
    )


def _part(part: Part | OwnPart) -> messages.Part:
    if isinstance(part, Text):
        return TextPart(part.text)
    if isinstance(part, Reasoning):
        return ReasoningPart(part.text)
    if not isinstance(part, ToolUse):
        return part
    return ToolPart(
        id=part.id,
        name=part.name,
        arguments=part.arguments,
        result=part.result,
        is_error=part.is_error,
    )
