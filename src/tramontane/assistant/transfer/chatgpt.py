"""ChatGPT's `conversations.json`: a list of conversations, each a `mapping` of linked nodes.

The format is not published; this is what its exports hold. Nodes that were hidden from the person
(system messages, memory, custom instructions) are passed over. Pure.
"""

import re
from typing import Any, NamedTuple

from tramontane.assistant.transfer.records import (
    MODEL_CHARS,
    ImportedConversation,
    LeftOut,
    NotUnderstood,
    Part,
    Reasoning,
    Text,
    ToolUse,
    clean,
    items,
    key_of,
    mapping,
    moment_ms,
    named,
    title_of,
)
from tramontane.assistant.transfer.tree import Node, messages_of

_NEVER_SHOWN = {"user_editable_context", "model_editable_context", "reasoning_recap"}
_IMAGES = {"image_asset_pointer"}
_SOUNDS = {"audio_asset_pointer", "real_time_user_audio_video_asset_pointer"}
_MAX_REFERENCES = 1_000
RESULT_CHARACTERS_MAX = 20_000
# What stands in the text for a citation, between characters of the private use area.
_MARKED = re.compile("\ue200[^\ue200\ue201]*+\ue201|[\ue200-\ue206]")


class _Content(NamedTuple):
    """What a node says, and what of it could not be kept."""

    parts: tuple[Part, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def is_one(element: object) -> bool:
    """Return whether this looks like one of ChatGPT's conversations."""
    return isinstance(element, dict) and isinstance(element.get("mapping"), dict)


def read(element: dict[str, Any], key: str, words: dict[LeftOut, str]) -> ImportedConversation:
    """Return the conversation. `key` is its own where the file gives none.

    Raises NotUnderstood where it holds no message, or too many.
    """
    title = title_of(element.get("title"))
    start_ms = moment_ms(element.get("create_time")) or moment_ms(element.get("update_time")) or 0
    nodes: dict[str, Node] = {}
    left_out: dict[LeftOut, int] = {}
    for name, value in element["mapping"].items():
        if not key_of(name):
            continue
        node, lost = _node(name, mapping(value), words)
        nodes[name] = node
        for kind in lost:
            left_out[kind] = left_out.get(kind, 0) + 1
    messages, shown = messages_of(nodes, key_of(element.get("current_node")), start_ms)
    if not messages:
        raise NotUnderstood("empty", title)
    return ImportedConversation(
        source="chatgpt",
        key=key_of(element.get("conversation_id")) or key_of(element.get("id")) or key,
        title=title,
        messages=messages,
        shown=shown,
        is_archived=element.get("is_archived") is True,
        is_pinned=element.get("is_starred") is True or bool(element.get("pinned_time")),
        created_at_ms=start_ms or messages[0].created_at_ms,
        updated_at_ms=moment_ms(element.get("update_time")) or start_ms,
        left_out=left_out,
    )


def _node(
    name: str, value: dict[str, Any], words: dict[LeftOut, str]
) -> tuple[Node, tuple[LeftOut, ...]]:
    message = mapping(value.get("message"))
    metadata = mapping(message.get("metadata"))
    author = mapping(message.get("author"))
    role = author.get("role")
    parent = key_of(value.get("parent"))
    hidden = metadata.get("is_visually_hidden_from_conversation") is True
    if hidden or role not in ("user", "assistant", "tool"):
        return Node(key=name, parent=parent, role=None), ()
    content = _content(message, metadata, role, words)
    node = Node(
        key=name,
        parent=parent,
        role=None if not content.parts else "user" if role == "user" else "assistant",
        parts=content.parts,
        model=clean(metadata.get("model_slug"), MODEL_CHARS) or None if role != "user" else None,
        created_at_ms=moment_ms(message.get("create_time")),
    )
    return node, content.left_out


def _content(
    message: dict[str, Any], metadata: dict[str, Any], role: str, words: dict[LeftOut, str]
) -> _Content:
    content = mapping(message.get("content"))
    kind = content.get("content_type")
    if kind in _NEVER_SHOWN:
        return _Content()
    if kind == "thoughts":
        return _Content((Reasoning(_thoughts(content)),))
    text, left_out = _text(content, metadata, words)
    if role == "tool":
        return _Content(_returned(message, kind, text, left_out), left_out)
    recipient = message.get("recipient")
    if role == "assistant" and isinstance(recipient, str) and recipient not in ("all", ""):
        call = ToolUse(id=_id(message), name=clean(recipient, 80), arguments=text)
        return _Content((call,) if text.strip() else (), left_out)
    if message.get("channel") == "analysis":
        return _Content((Reasoning(text),), left_out)
    if kind == "code":
        text = _fenced(text, clean(content.get("language"), 40))
    return _Content((Text(text),) if text.strip() else (), left_out)


def _returned(
    message: dict[str, Any], kind: object, text: str, left_out: tuple[LeftOut, ...]
) -> tuple[Part, ...]:
    if left_out:  # an image that a tool made is what the person was shown
        return (Text(text),) if text.strip() else ()
    if not text.strip():
        return ()
    name = clean(mapping(message.get("author")).get("name"), 80) or "tool"
    is_error = kind == "system_error"
    return (
        ToolUse(
            id=_id(message),
            name=name,
            arguments="",
            result=text[:RESULT_CHARACTERS_MAX],  # whole web pages are among them
            is_error=is_error,
        ),
    )


def _id(message: dict[str, Any]) -> str:
    return clean(message.get("id"), 80)


def _text(
    content: dict[str, Any], metadata: dict[str, Any], words: dict[LeftOut, str]
) -> tuple[str, tuple[LeftOut, ...]]:
    pieces: list[str] = []
    left_out: list[LeftOut] = []
    for part in items(content.get("parts")):
        if isinstance(part, str):
            pieces.append(clean(part))
            continue
        kind = mapping(part).get("content_type")
        if kind == "audio_transcription":
            pieces.append(clean(mapping(part).get("text")))
            continue
        lost: LeftOut = "image" if kind in _IMAGES else "audio" if kind in _SOUNDS else "other"
        left_out.append(lost)
        if lost != "audio":  # what was said stands beside it
            pieces.append(named(None, words[lost]))
    for field in ("text", "result", "summary"):
        if not pieces and content.get(field):
            pieces.append(clean(content.get(field)))
    for attachment in items(metadata.get("attachments"))[:100]:
        given = mapping(attachment)
        if "image" in left_out and clean(given.get("mime_type")).startswith("image/"):
            continue
        left_out.append("file")
        pieces.append(named(given.get("name"), words["file"]))
    text = "\n\n".join(piece for piece in pieces if piece.strip())
    return _without_marks(text, metadata), tuple(left_out)


def _without_marks(text: str, metadata: dict[str, Any]) -> str:
    """Put the links where marks stand for them, and take out the marks that stand for none."""
    for reference in items(metadata.get("content_references"))[:_MAX_REFERENCES]:
        mark = mapping(reference).get("matched_text")
        if isinstance(mark, str) and ("\ue200" in mark or "【" in mark):
            text = text.replace(mark, clean(mapping(reference).get("alt"), 2_000))
    return _MARKED.sub("", text)


def _thoughts(content: dict[str, Any]) -> str:
    pieces: list[str] = []
    for thought in items(content.get("thoughts")):
        summary, text = (clean(mapping(thought).get(name)) for name in ("summary", "content"))
        pieces += [f"**{summary}**"] if summary.strip() else []
        pieces += [text] if text.strip() else []
    return "\n\n".join(pieces)


def _fenced(code: str, language: str) -> str:
    if not code.strip():
        return ""
    word = language if language.isalnum() and language != "unknown" else ""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{word}\n{code}\n{fence}"
