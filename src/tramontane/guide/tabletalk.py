"""The guide's turn where a conversation has tables: it asks with the tool, then says what came.

It is given the question, its tables and the tool's results; it does not run anything.
"""

from collections.abc import Collection, Sequence

import msgspec

from tramontane.guide.conversation import Call, Context, Message
from tramontane.guide.tables import Asked, Unclear, ask, tell
from tramontane.guide.tables.telling import Result
from tramontane.guide.vocabulary import say

TOOL = "query_table"
_EARLIER = 12


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
