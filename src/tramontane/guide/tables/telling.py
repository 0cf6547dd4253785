"""The answer to a question to a table, in words: every number in it is a cell of the result."""

from typing import Any

import msgspec

from tramontane.guide.tables.asking import Asked


class ResultColumn(msgspec.Struct, frozen=True):
    """`type`: "number", "text", "date", "moment", "truth"."""

    name: str
    type: str = "text"


class Result(msgspec.Struct, frozen=True):
    """What the SQL gave, as the tool `query_table` tells it."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    row_count: int = 0
    is_truncated: bool = False


def tell(asked: Asked, result: Result, language: str) -> str:
    """Return the answer in Markdown, in the notation of `language`."""
    return f"**{result.rows[0][0]}** ({asked.understood})" if result.rows else "–"
