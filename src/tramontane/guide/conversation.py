"""What the guide is given: the messages of a conversation, and what is known of who asks.

Whoever asks on a person's behalf may say who that is in a system message of one line,
`[tramontane] {"language": "fr", "is_admin": true, "models": ["large"], "today": "2026-11-22"}`.
Every field may be left out. Other system messages are not followed: the guide obeys nobody.
"""

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

MARK = "[tramontane] "


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation, its text only."""

    role: str
    text: str


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of who asks.

    `language` is theirs (None: unknown), `models` are the capable ones that they may choose, and
    `today` is the day where they are.
    """

    today: date
    language: str | None = None
    is_admin: bool = False
    models: tuple[str, ...] = ()


class _Said(msgspec.Struct):
    language: str | None = None
    is_admin: bool = False
    models: tuple[str, ...] = ()
    today: date | None = None


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
    )


def questions(messages: Sequence[Message]) -> list[str]:
    """Return what the person has said, oldest first."""
    return [message.text for message in messages if message.role == "user"]
