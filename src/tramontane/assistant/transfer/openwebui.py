"""Open WebUI's export: a list of chats, each with `chat.history.messages` and `currentId`.

Reasoning and tool calls stand in the text as `<details type="…">`; they become parts. Older files,
which have a plain list of messages, are read too. Pure.
"""

import html
import re
from typing import Any, Literal

import msgspec

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

_OPEN, _CLOSE = '<details type="', "</details>"
_ATTRIBUTE = re.compile(r'(\w++)="([^"]*+)"')
_SUMMARY = re.compile(r"\A\s*+<summary>[^<]*+</summary>\n?")
_QUOTED = re.compile(r"^> ?", re.MULTILINE)
_FENCE = re.compile(r"\A\s*```\w*\n|\n?```\s*\Z")


def is_one(element: object) -> bool:
    """Return whether this looks like one of Open WebUI's chats."""
    if not isinstance(element, dict):
        return False
    chat = element.get("chat", element)
    return isinstance(chat, dict) and (
        isinstance(chat.get("history"), dict) or isinstance(chat.get("messages"), list)
    )


def read(element: dict[str, Any], key: str, words: dict[LeftOut, str]) -> ImportedConversation:
    """Return the conversation. `key` is its own where the file gives none.

    Raises NotUnderstood where it holds no message, or too many.
    """
    chat = mapping(element.get("chat", element))
    title = title_of(element.get("title") or chat.get("title"))
    start_ms = moment_ms(element.get("created_at")) or moment_ms(chat.get("timestamp")) or 0
    nodes: dict[str, Node] = {}
    left_out: dict[LeftOut, int] = {}
    for name, message, parent in _messages(chat):
        nodes[name] = _node(name, message, parent, words, left_out)
    current = key_of(mapping(chat.get("history")).get("currentId"))
    messages, shown = messages_of(nodes, current, start_ms)
    if not messages:
        raise NotUnderstood("empty", title)
    instructions = chat.get("system") or mapping(chat.get("params")).get("system")
    return ImportedConversation(
        source="openwebui",
        key=key_of(element.get("id")) or key_of(chat.get("id")) or key,
        title=title,
        instructions=clean(instructions, 20_000).strip() or None,
        messages=messages,
        shown=shown,
        is_archived=element.get("archived") is True,
        is_pinned=element.get("pinned") is True,
        created_at_ms=start_ms or messages[0].created_at_ms,
        updated_at_ms=moment_ms(element.get("updated_at")) or start_ms,
        left_out=left_out,
    )


def _messages(chat: dict[str, Any]) -> list[tuple[str, dict[str, Any], str | None]]:
    """Return name, message and the parent's name of each."""
    tree = mapping(mapping(chat.get("history")).get("messages"))
    if tree:
        pairs = [(name, mapping(message)) for name, message in tree.items() if key_of(name)]
        return [(name, message, key_of(message.get("parentId"))) for name, message in pairs]
    found: list[tuple[str, dict[str, Any], str | None]] = []
    for number, value in enumerate(items(chat.get("messages"))):
        message = mapping(value)
        name = key_of(message.get("id")) or f"message-{number}"
        found.append((name, message, found[-1][0] if found else None))
    return found


def _node(
    name: str,
    message: dict[str, Any],
    parent: str | None,
    words: dict[LeftOut, str],
    left_out: dict[LeftOut, int],
) -> Node:
    role = message.get("role")
    if role not in ("user", "assistant"):
        return Node(key=name, parent=parent, role=None)
    text, marks = _text(message, words, left_out)
    parts: tuple[Part, ...] = _parts(text) if role == "assistant" else (Text(text),)
    parts += tuple(Text(mark) for mark in marks)
    annotation = mapping(message.get("annotation"))
    model = message.get("model") or message.get("modelName")
    is_empty = not any(isinstance(p, ToolUse) or p.text.strip() for p in parts)
    return Node(
        key=name,
        parent=parent,
        role=None if is_empty else "user" if role == "user" else "assistant",
        parts=parts,
        model=clean(model, MODEL_CHARS) or None if role == "assistant" else None,
        rating=_rating(annotation.get("rating")),
        rating_reason=clean(annotation.get("comment") or annotation.get("reason"), 2_000) or None,
        created_at_ms=moment_ms(message.get("timestamp")),
    )


def _rating(value: object) -> Literal["up", "down"] | None:
    if value in (1, "1"):
        return "up"
    return "down" if value in (-1, "-1") else None


def _text(
    message: dict[str, Any], words: dict[LeftOut, str], left_out: dict[LeftOut, int]
) -> tuple[str, list[str]]:
    """Return what was written, and a mark for each thing that cannot be kept."""
    content = message.get("content")
    lost: list[tuple[LeftOut, object]] = []
    if isinstance(content, list):
        pieces = [clean(mapping(p).get("text")) for p in content]
        lost += [("image", None) for p in content if mapping(p).get("type") == "image_url"]
        content = "\n\n".join(piece for piece in pieces if piece.strip())
    for file in items(message.get("files"))[:100]:
        kind: LeftOut = "image" if mapping(file).get("type") == "image" else "file"
        lost.append((kind, mapping(file).get("name")))
    for kind, _ in lost:
        left_out[kind] = left_out.get(kind, 0) + 1
    return clean(content), [named(name, words[kind]) for kind, name in lost]


def _parts(text: str) -> tuple[Part, ...]:
    """Return the parts of an answer: what stands in blocks of details, and what between them."""
    found: list[Part] = []
    done = 0
    while (start := text.find(_OPEN, done)) >= 0:
        head, end = text.find(">", start), text.find(_CLOSE, start)
        if not start < head < end:
            break
        part = _detail(text[start:head], text[head + 1 : end])
        if part is not None:
            found += [Text(text[done:start].strip()), part]
        else:
            found.append(Text(text[done : end + len(_CLOSE)].strip()))
        done = end + len(_CLOSE)
    return (*found, Text(text[done:].strip()))


def _detail(head: str, body: str) -> Part | None:
    given = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(head)}
    body = _SUMMARY.sub("", body)
    kind = given.get("type")
    if kind == "reasoning":
        return Reasoning(_QUOTED.sub("", html.unescape(body)).strip())
    if kind == "tool_calls":
        return ToolUse(
            id=given.get("id", "")[:80],
            name=given.get("name", "")[:80] or "tool",
            arguments=_unpacked(given.get("arguments", "")),
            result=_unpacked(given.get("result", "") or html.unescape(body).strip()) or None,
        )
    if kind == "code_interpreter":
        code = _FENCE.sub("", body)
        result = _unpacked(given.get("output", "")) or None
        return ToolUse(id="", name="code_interpreter", arguments=code, result=result)
    return None


def _unpacked(text: str) -> str:
    """Return a string that was written as JSON, as it was; anything else as it stands."""
    if not text.startswith('"'):
        return text
    try:
        return clean(msgspec.json.decode(text, type=str))
    except msgspec.DecodeError:
        return text
