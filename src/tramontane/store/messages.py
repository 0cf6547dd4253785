"""What was said: the messages of a conversation, each with the one that it answers.

Together they are a tree, whose branches are alternatives. It does not know models, nor who may
read. What is searched (`text`) is written when a message is whole, so not while it streams.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, insert, literal_column, select, update

from tramontane.errors import NotFound
from tramontane.store import schema
from tramontane.store.names import new_id
from tramontane.store.parts import (
    Check,
    ChecksPart,
    FileReference,
    FilesPart,
    Part,
    ProgressPart,
    ReasoningPart,
    ResultColumn,
    ResultPart,
    Source,
    SourcesPart,
    TextPart,
    ToolPart,
)

__all__ = [
    "RUNNING",
    "Check",
    "ChecksPart",
    "Failure",
    "FileReference",
    "FilesPart",
    "Message",
    "Part",
    "ProgressPart",
    "Rating",
    "ReasoningPart",
    "Receipt",
    "ResultColumn",
    "ResultPart",
    "Role",
    "Source",
    "SourcesPart",
    "Status",
    "TextPart",
    "ToolPart",
    "add",
    "branch",
    "get",
    "list_all",
    "new",
    "put",
    "put_receipt",
    "rate",
    "sent",
    "unfinished",
    "update_running",
]

Role = Literal["user", "assistant"]
Status = Literal["done", "queued", "running", "stopped", "failed", "interrupted"]
Rating = Literal["up", "down"]
RUNNING: tuple[Status, ...] = ("queued", "running")


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered, where, and what it used, over all requests of one message.

    `place` is "here" or the host. `estimated`: not counted to the end. `finish` is the model's
    own word on why it stopped; `left_out` is how many of the oldest messages it was not shown.
    `version` is the name that the provider was asked for, `region` where it processes, as far as
    anybody has said. Unless `cost_known`, nobody has said what it costs, and `cost` means nothing.
    """

    request_id: str
    request_ids: tuple[str, ...] = ()
    model: str
    deployment: str
    provider: str | None = None
    place: str = "here"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False
    cost: str = "0.00"
    currency: str = "USD"
    first_token_ms: int | None = None
    total_ms: int | None = None
    finish: str | None = None
    left_out: int = 0
    version: str | None = None
    region: str | None = None
    cost_known: bool = True


class Failure(msgspec.Struct, frozen=True):
    """Why an answer ended early; a budget that was too small for it says by how much: `may_cost`
    and `left` are decimals of `currency`.
    """

    code: str
    message: str
    retry_after_s: float | None = None
    may_cost: str | None = None
    left: str | None = None
    currency: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One question or answer. `parent_id` None: it begins the conversation."""

    id: str
    conversation_id: str
    parent_id: str | None = None
    role: Role
    status: Status = "done"
    parts: tuple[Part, ...] = ()
    model: str | None = None
    receipt: Receipt | None = None
    error: Failure | None = None
    client_id: str | None = None
    rating: Rating | None = None
    rating_reason: str | None = None
    created_at_ms: int
    updated_at_ms: int

    @property
    def text(self) -> str:
        """All its text, without reasoning and tools."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))


_PARTS = msgspec.json.Decoder(tuple[Part, ...]).decode
_RECEIPT = msgspec.json.Decoder(Receipt).decode
_FAILURE = msgspec.json.Decoder(Failure).decode


def new(
    conversation_id: str,
    role: Role,
    parent_id: str | None,
    now_ms: int,
    *,
    text: str = "",
    **fields: Any,
) -> Message:
    """Return a message that is in no store yet."""
    parts: tuple[Part, ...] = (TextPart(text),) if text else ()
    fields.setdefault("parts", parts)
    fields.setdefault("updated_at_ms", now_ms)
    return Message(
        id=new_id("msg"),
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=role,
        created_at_ms=now_ms,
        **fields,
    )


def add(c: Connection, messages: Iterable[Message]) -> None:
    """Keep new messages, in that order."""
    rows = [_row(message) for message in messages]
    if rows:
        c.execute(insert(schema.messages), rows)


def get(c: Connection, conversation_id: str, message_id: str) -> Message:
    """Return that message of that conversation. Raises NotFound."""
    t = schema.messages.c
    query = select(schema.messages).where(t.id == message_id, t.conversation_id == conversation_id)
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such message in this conversation", param="message_id")
    return _message(row)


def list_all(c: Connection, conversation_id: str) -> list[Message]:
    """Return every message of that conversation in the order in which they were made."""
    t = schema.messages.c
    query = select(schema.messages).where(t.conversation_id == conversation_id).order_by(t.row)
    return [_message(row) for row in c.execute(query).mappings()]


def branch(c: Connection, conversation_id: str, end_id: str | None) -> list[Message]:
    """Return the messages from the first one to that one. Raises NotFound for the end."""
    if end_id is None:
        return []
    get(c, conversation_id, end_id)
    table = schema.messages
    above = (
        select(table.c.id, table.c.parent_id)
        .where(table.c.id == end_id, table.c.conversation_id == conversation_id)
        .cte("above", recursive=True)
    )
    above = above.union(
        select(table.c.id, table.c.parent_id).join(above, table.c.id == above.c.parent_id)
    )
    query = select(table).join(above, table.c.id == above.c.id).order_by(table.c.row)
    return [_message(row) for row in c.execute(query).mappings()]


def sent(c: Connection, conversation_id: str, client_id: str) -> tuple[Message, Message] | None:
    """Return the question sent with that `client_id`, and its first answer; None where new."""
    t = schema.messages.c
    query = select(schema.messages).where(
        t.conversation_id == conversation_id, t.client_id == client_id
    )
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        return None
    user = _message(row)
    query = select(schema.messages).where(t.parent_id == user.id).order_by(t.row).limit(1)
    return user, _message(c.execute(query).mappings().one())


def update_running(c: Connection, messages: Iterable[Message]) -> None:
    """Keep what has arrived of answers that go on. The index of words is left alone."""
    rows = [
        {
            "of": message.id,
            "status": message.status,
            "content": msgspec.json.encode(message.parts),
            "receipt": _json(message.receipt),
            "updated_at_ms": message.updated_at_ms,
        }
        for message in messages
    ]
    if not rows:
        return
    table = schema.messages
    names = ("status", "content", "receipt", "updated_at_ms")
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    running = table.c.status.in_(RUNNING)  # never over what has ended meanwhile
    c.execute(update(table).where(table.c.id == bindparam("of"), running).values(**values), rows)


def put(c: Connection, message: Message) -> None:
    """Keep `message` in place of what was known of it, the index of words too."""
    row = _row(message)
    table = schema.messages
    for fixed in ("id", "conversation_id", "created_at_ms"):
        del row[fixed]
    c.execute(update(table).where(table.c.id == message.id).values(**row))


def put_receipt(c: Connection, message_id: str, receipt: Receipt) -> None:
    """Keep a receipt that became known later."""
    table = schema.messages
    c.execute(update(table).where(table.c.id == message_id).values(receipt=_json(receipt)))


def rate(c: Connection, message_id: str, rating: Rating | None, reason: str | None) -> None:
    """Keep what a reader thinks of an answer."""
    table = schema.messages
    values = {"rating": rating, "rating_reason": reason}
    c.execute(update(table).where(table.c.id == message_id).values(**values))


def unfinished(c: Connection) -> list[Message]:
    """Return the answers that were under way when the last studio ended."""
    # In words, since SQLite takes a partial index only where it can read its condition.
    running: ColumnElement[bool] = literal_column("status IN ('queued', 'running')")
    query = select(schema.messages).where(running).order_by(schema.messages.c.row)
    return [_message(row) for row in c.execute(query).mappings()]


def _json(value: msgspec.Struct | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _row(message: Message) -> dict[str, Any]:
    fields = msgspec.structs.asdict(message)
    fields["content"] = msgspec.json.encode(fields.pop("parts"))
    is_whole = message.status not in RUNNING
    fields["text"] = message.text.replace("\0", " ") if is_whole else ""
    fields["receipt"] = _json(message.receipt)
    fields["error"] = _json(message.error)
    return fields


def _message(row: Any) -> Message:
    fields = dict(row)
    del fields["row"], fields["text"]
    fields["parts"] = _PARTS(fields.pop("content"))
    for name, decode in (("receipt", _RECEIPT), ("error", _FAILURE)):
        if fields[name] is not None:
            fields[name] = decode(fields[name])
    return Message(**fields)
