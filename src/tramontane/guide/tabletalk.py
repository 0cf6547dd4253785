"""The guide's turn where a conversation has tables: it asks with the tool, then says what came.

It is given the question, its tables and the tool's results; it does not run anything.
"""

from collections.abc import Collection, Sequence

import msgspec

from tramontane.guide.conversation import Call, Context, Message
from tramontane.guide.tables import Asked, Unclear, ask, tell
from tramontane.guide.tables.lexicon import lexicon, meanings
from tramontane.guide.tables.telling import Result
from tramontane.guide.vocabulary import say

TOOL = "query_table"
_EARLIER = 12
_MOST_TABLES = 5
_MOST_COLUMNS = 12


def from_tables(
    asked: Sequence[str],
    language: str,
    context: Context,
    messages: Sequence[Message],
    tools: Collection[str],
) -> Sequence[str | Call] | None:
    """Return the answer to the last of `asked`, or the call that it takes; None where it is no
    question to a table.
    """
    if not context.tables:
        return None
    found = ask(asked[-1], asked[-1 - _EARLIER : -1], context.tables, language, context.today)
    if found is None:
        return None
    if isinstance(found, Unclear):
        return [found.text]
    result = _result(messages)
    if result is not None:
        return [_told(found, result, language)]
    if TOOL not in tools:
        return [found.understood, f"```sql\n{found.sql}\n```"]
    return [Call("", TOOL, msgspec.json.encode({"sql": found.sql}).decode())]


def not_understood(context: Context, language: str) -> list[str]:
    """Return that nothing to ask the tables was understood, what they have, and how to ask it."""
    lines = []
    for table in context.tables[:_MOST_TABLES]:
        columns = ", ".join(f"**{column.title}**" for column in table.columns[:_MOST_COLUMNS])
        lines.append(say(language, "table_has", table=table.title, columns=columns))
    key = "not_in_both" if context.sources else "not_in_tables"
    return [
        say(language, key),
        "\n".join(f"- {line}" for line in lines),
        *_example(context, language),
    ]


def _example(context: Context, language: str) -> list[str]:
    """Return a question that the first table answers."""
    table = context.tables[0]
    numbers = [c.title for c in table.columns if c.type == "number"]
    groups = [c.title for c in table.columns if c.type == "text"]
    if not numbers or not groups:
        return []
    return [say(language, "table_example", number=numbers[-1], group=groups[-1])]


def prepare(language: str) -> None:
    """Read the words of `language`, which the first question would else have to wait for."""
    lexicon(language)
    meanings()


def _result(messages: Sequence[Message]) -> str | None:
    """Return what the tool gave since the last question."""
    for message in reversed(messages):
        if message.role == "user":
            return None
        if message.role == "tool":
            return message.text
    return None


def _told(found: Asked, text: str, language: str) -> str:
    try:
        result = msgspec.json.decode(text, type=Result)
    except msgspec.DecodeError:
        return say(language, "query_failed", error=text[:500].strip())
    return tell(found, result, language)
