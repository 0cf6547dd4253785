"""Tramontane's own export of a conversation, read again. Pure.

What was checked is left behind: a file could say that anything is proven.
"""

from typing import Any

import msgspec

from tramontane.assistant.transfer.records import (
    ImportedConversation,
    ImportedMessage,
    NotUnderstood,
    OwnPart,
    Part,
    clean,
    items,
    key_of,
    mapping,
    moment_ms,
    title_of,
)
from tramontane.assistant.transfer.tree import MAX_NODES
from tramontane.store.parts import ChecksPart, ProgressPart

FORMAT = "tramontane.conversation"


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    parent_id: str | None = None
    role: str
    parts: tuple[Part | OwnPart | ChecksPart | ProgressPart, ...] = ()
    model: str | None = None
    rating: str | None = None
    rating_reason: str | None = None
    created_at: str = ""


def is_one(element: object) -> bool:
    """Return whether this is one of our own conversations."""
    return isinstance(element, dict) and element.get("format") == FORMAT


def is_other(element: object) -> bool:
    """Return whether this is something else of our export, which is not taken in here."""
    own = element.get("format") if isinstance(element, dict) else None
    return isinstance(own, str) and own.startswith("tramontane.") and own != FORMAT


def read(element: dict[str, Any], key: str) -> ImportedConversation:
    """Return the conversation. Raises NotUnderstood where it holds no message, or too many."""
    given = mapping(element.get("conversation"))
    title = title_of(given.get("title"))
    if len(items(given.get("messages"))) > MAX_NODES:
        raise NotUnderstood("too_large", title)
    try:
        messages = msgspec.convert(items(given.get("messages")), tuple[_Message, ...])
    except msgspec.ValidationError:
        raise NotUnderstood("not_understood", title) from None
    start_ms = moment_ms(given.get("created_at")) or 0
    known: set[str] = set()
    found: list[ImportedMessage] = []
    for message in messages:
        if message.role not in ("user", "assistant") or not key_of(message.id):
            continue
        parts = tuple(p for p in message.parts if not isinstance(p, ChecksPart | ProgressPart))
        if message.id in known or not parts:
            continue
        found.append(_message(message, parts, known, start_ms))
        known.add(message.id)
    if not found:
        raise NotUnderstood("empty", title)
    shown = key_of(given.get("shown_message_id"))
    return ImportedConversation(
        source="tramontane",
        key=key_of(given.get("id")) or key,
        title=title,
        instructions=clean(given.get("instructions"), 20_000).strip() or None,
        messages=tuple(found),
        shown=shown if shown in known else found[-1].key,
        is_archived=given.get("archived_at") is not None,
        is_pinned=given.get("pinned_at") is not None,
        created_at_ms=start_ms or found[0].created_at_ms,
        updated_at_ms=moment_ms(given.get("updated_at")) or start_ms,
    )


def _message(
    message: _Message, parts: tuple[Part | OwnPart, ...], known: set[str], start_ms: int
) -> ImportedMessage:
    return ImportedMessage(
        key=message.id,
        parent=message.parent_id if message.parent_id in known else None,
        role="user" if message.role == "user" else "assistant",
        parts=parts,
        model=message.model,
        rating=message.rating if message.rating in ("up", "down") else None,  # type: ignore[arg-type]
        rating_reason=message.rating_reason,
        created_at_ms=moment_ms(message.created_at) or start_ms,
    )
