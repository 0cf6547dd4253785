"""What the guide is given: the messages of a conversation, and what is known of who asks.

Whoever asks on a person's behalf may say who that is in a system message of one line,
`[tramontane] {"language": "fr", "is_admin": true, "models": ["large"], "today": "2026-11-22"}`,
and what the conversation is about: `sources`, passages of documents, and `tables`, what is known
of each. Every field may be left out. Other system messages are not followed: the guide obeys
nobody.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal

import msgspec

MARK = "[tramontane] "

ColumnType = Literal["number", "text", "date", "moment", "truth"]


class Call(msgspec.Struct, frozen=True):
    """A call of a tool; `arguments` is JSON."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation, its text only.

    An assistant's may have `calls`; a tool's is the result of the one with `call_id`.
    """

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    call_id: str | None = None


class SourceText(msgspec.Struct, frozen=True, kw_only=True):
    """A passage of a document, as `[number]`. `label` is what `page` counts."""

    number: int
    document: str
    page: int
    text: str
    label: str = "page"
    heading: str = ""
    language: str | None = None


class ColumnFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a column: `name` is SQL's, `title` is people's.

    `values`: its most frequent values, `distinct`: how many there are, where that is known.
    """

    name: str
    title: str
    type: ColumnType
    values: tuple[Any, ...] = ()
    minimum: Any = None
    maximum: Any = None
    distinct: int | None = None


class TableFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a table: `name` is SQL's, `title` is people's."""

    name: str
    title: str
    row_count: int
    columns: tuple[ColumnFacts, ...]


class UnreadFile(msgspec.Struct, frozen=True):
    """A file that came with the question and could not be read; `code` says why."""

    name: str
    code: str = ""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of who asks.

    `language` is theirs (None: unknown), `models` are the capable ones that they may choose, and
    `today` is the day where they are. `sources` were found for the question; `tables` may be asked;
    `unreadable` came with it, and could not be read.
    """

    today: date
    language: str | None = None
    is_admin: bool = False
    models: tuple[str, ...] = ()
    sources: tuple[SourceText, ...] = ()
    tables: tuple[TableFacts, ...] = ()
    unreadable: tuple[UnreadFile, ...] = ()


class _Said(msgspec.Struct):
    language: str | None = None
    is_admin: bool = False
    models: tuple[str, ...] = ()
    today: date | None = None
    sources: tuple[SourceText, ...] = ()
    tables: tuple[TableFacts, ...] = ()
    unreadable: tuple[UnreadFile, ...] = ()


def context_message(context: Context) -> str:
    """Return the text of the system message that says so."""
    return MARK + msgspec.json.encode(context).decode()


def read_context(messages: Iterable[Message], today: date) -> Context:
    """Return what the last such system message says; what cannot be read says nothing."""
    said = _Said()
    for message in messages:
        if message.role == "system" and message.text.startswith(MARK):
            try:
                said = msgspec.json.decode(message.text[len(MARK) :], type=_Said)
            except msgspec.DecodeError:
                said = _Said()
    return Context(
        today=said.today or today,
        language=said.language,
        is_admin=said.is_admin,
        models=said.models,
        sources=said.sources,
        tables=said.tables,
        unreadable=said.unreadable,
    )


def questions(messages: Sequence[Message]) -> list[str]:
    """Return what the person has said, oldest first."""
    return [message.text for message in messages if message.role == "user"]
