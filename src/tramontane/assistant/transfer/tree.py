"""From the nodes of another assistant's conversation to messages: a tree of turns.

Other assistants store one turn as many nodes (a call of a tool, its result, the answer), and nodes
that nobody was shown. Here a run of the assistant's nodes becomes one message; where it divides,
each branch is an alternative that begins with what they share. Pure; it knows no format.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from tramontane.assistant.transfer.records import (
    ImportedMessage,
    NotUnderstood,
    OwnPart,
    Part,
    Reasoning,
    Text,
    ToolUse,
    joined,
)

MAX_NODES = 20_000
MAX_PARTS = 200_000
MAX_CHARS = 32_000_000  # of a conversation, what its alternatives share counted in each


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One node. `role` None: nobody was shown it, its children belong to its parent."""

    key: str
    parent: str | None
    role: Literal["user", "assistant"] | None
    parts: tuple[Part, ...] = ()
    model: str | None = None
    rating: Literal["up", "down"] | None = None
    rating_reason: str | None = None
    created_at_ms: int | None = None


class _Run(msgspec.Struct, frozen=True):
    """The assistant's nodes up to `node`, linked backwards; `key` is its message's."""

    key: str
    node: Node
    parent: str | None  # the message that it answers
    before: "_Run | None"


class _Tree:
    """The visible nodes: the children of each, and where a branch begins."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes
        self.children: dict[str | None, list[Node]] = {}
        self.visible: dict[str, str | None] = {}  # a node → itself or its nearest visible ancestor
        self._divide()

    def _divide(self) -> None:
        below: dict[str | None, list[Node]] = {}
        for node in self.nodes.values():
            parent = node.parent if node.parent in self.nodes else None
            below.setdefault(parent, []).append(node)
        stack: list[tuple[Node, str | None]] = [(n, None) for n in reversed(_in_time(below, None))]
        while stack:
            node, above = stack.pop()
            if node.role is not None:
                self.children.setdefault(above, []).append(node)
                above = node.key
            self.visible[node.key] = above
            stack.extend((child, above) for child in reversed(_in_time(below, node.key)))


def _in_time(below: Mapping[str | None, list[Node]], key: str | None) -> list[Node]:
    return sorted(below.get(key, ()), key=lambda node: node.created_at_ms or 0)


def messages_of(
    nodes: Mapping[str, Node], current: str | None, start_ms: int
) -> tuple[tuple[ImportedMessage, ...], str | None]:
    """Return the messages, parents first, and the key of the one that `current` belongs to.

    `start_ms` is the time of nodes without one. Nodes that no root leads to are left out. Raises
    NotUnderstood where there are too many.
    """
    if len(nodes) > MAX_NODES:
        raise NotUnderstood("too_large")
    tree = _Tree(nodes)
    found: list[ImportedMessage] = []
    keys: dict[str, str] = {}  # a visible node → its message
    chars = parts = 0
    for message in _walk(tree, keys, start_ms):
        chars += sum(_chars(part) for part in message.parts)
        parts += len(message.parts)
        if chars > MAX_CHARS or parts > MAX_PARTS:
            raise NotUnderstood("too_large")
        found.append(message)
    shown = tree.visible.get(current) if current is not None else None
    if shown is None:
        return tuple(found), found[-1].key if found else None
    return tuple(found), keys[shown]


def _walk(tree: _Tree, keys: dict[str, str], start_ms: int) -> Iterator[ImportedMessage]:
    stack: list[tuple[Node, str | None, _Run | None, str]]
    stack = [(n, None, None, n.key) for n in reversed(tree.children.get(None, []))]
    while stack:
        node, parent, before, key = stack.pop()
        keys[node.key] = key
        below = tree.children.get(node.key, [])
        if node.role == "user":
            yield _message(_Run(key, node, parent, None), start_ms)
            stack.extend((child, key, None, child.key) for child in reversed(below))
            continue
        run = _Run(key, node, parent, before)
        going_on = [child for child in below if child.role == "assistant"]
        ends_here = len(going_on) < len(below) or not below
        if ends_here:
            yield _message(run, start_ms)
        for place, child in reversed(list(enumerate(going_on))):
            is_same = place == 0 and not ends_here
            stack.append((child, parent, run, key if is_same else child.key))
        users = [child for child in below if child.role == "user"]
        stack.extend((child, key, None, child.key) for child in reversed(users))


def _message(run: _Run, start_ms: int) -> ImportedMessage:
    nodes = [run.node]
    before = run.before
    while before is not None:
        nodes.append(before.node)
        before = before.before
        if len(nodes) > MAX_NODES:
            raise NotUnderstood("too_large")
    last, first = nodes[0], nodes[-1]
    return ImportedMessage(
        key=run.key,
        parent=run.parent,
        role="assistant" if last.role == "assistant" else "user",
        parts=joined(part for node in reversed(nodes) for part in node.parts),
        model=next((node.model for node in nodes if node.model), None),
        rating=next((node.rating for node in nodes if node.rating), None),
        rating_reason=next((node.rating_reason for node in nodes if node.rating_reason), None),
        created_at_ms=first.created_at_ms or start_ms,
    )


def _chars(part: Part | OwnPart) -> int:
    if isinstance(part, ToolUse):
        return len(part.arguments) + len(part.result or "")
    return len(part.text) if isinstance(part, Text | Reasoning) else 0
