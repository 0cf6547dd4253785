"""How a model is told what a question to tables gave: at first, and in later turns.

Pure. It does not know how tables are asked.
"""

from typing import Any

import msgspec

from tramontane.store.messages import ResultPart

SEARCH_DOCUMENTS = "search_documents"
QUERY_TABLE = "query_table"
SHOWN_ROWS_MAX = 50
EARLIER_ROWS_MAX = 10
SHOWN_CHARACTERS_MAX = 12_000


def as_text(
    result: ResultPart,
    rows_max: int = SHOWN_ROWS_MAX,
    characters_max: int = SHOWN_CHARACTERS_MAX,
) -> str:
    """Return a result as a model is told it: JSON with its first rows, as many as are bearable."""
    count = min(len(result.rows), rows_max)
    while True:
        told = {
            "columns": result.columns,
            "rows": result.rows[:count],
            "row_count": result.row_count,
            "is_truncated": result.is_truncated or count < result.row_count,
        }
        text = msgspec.json.encode(told).decode()
        if len(text) <= characters_max or count == 0:
            return text
        count //= 2


def within(result: ResultPart, bytes_max: int) -> ResultPart:
    """Return `result` with as many of its rows as fit into that many bytes of JSON."""
    rows: list[tuple[Any, ...]] = []
    size = 2
    for row in result.rows:
        size += len(msgspec.json.encode(row)) + 1
        if size > bytes_max:
            return msgspec.structs.replace(result, rows=tuple(rows), is_truncated=True)
        rows.append(row)
    return result
