"""Asking the tables of one conversation by SQL: for a model's call, and for a person's edited SQL.

The tables are those that the answer's scope has; the SQL can name no other. It does not know how
SQL is checked and run (`tables.query` does).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tramontane.assistant.askable import Askable
from tramontane.assistant.results import (
    QUERY_TABLE,
    SHOWN_CHARACTERS_MAX,
    SHOWN_ROWS_MAX,
    as_text,
    within,
)
from tramontane.assistant.turn import Called, refused
from tramontane.errors import TramontaneError
from tramontane.store.messages import ResultPart, ToolPart
from tramontane.tables.charts import chart
from tramontane.tables.query import Answer, QueryLimits, QueryPool
from tramontane.tools.tool import refuse_unknown

LIMITS = QueryLimits(rows=1_000, bytes=262_144)
RESULTS_BYTES_MAX = 393_216  # of one answer, which is told whole
TITLE_CHARACTERS_MAX = 120


class QueryTable:
    """Asks the tables of one conversation, for one answer.

    All its results together stay below `RESULTS_BYTES_MAX`; a model is told at most
    `characters_max` of each.
    """

    name = QUERY_TABLE

    def __init__(
        self,
        pool: QueryPool,
        tables: Sequence[Askable],
        language: str,
        characters_max: int = SHOWN_CHARACTERS_MAX,
    ) -> None:
        self._pool = pool
        self._tables = tables
        self._language = language
        self._characters_max = characters_max
        self._left_bytes = RESULTS_BYTES_MAX

    def offer(self) -> dict[str, Any]:
        """Return it as an entry of `tools`."""
        description = (
            "Run one SELECT in DuckDB's SQL over the tables of this conversation. Gives columns and"
            f" the first {SHOWN_ROWS_MAX} rows."
        )
        sql = {"type": "string", "description": "One SELECT, over the tables that were described."}
        parameters = {
            "type": "object",
            "properties": {"sql": sql},
            "required": ["sql"],
            "additionalProperties": False,
        }
        function = {"name": self.name, "description": description, "parameters": parameters}
        return {"type": "function", "function": function}

    async def call(self, made: ToolPart, arguments: Mapping[str, Any]) -> Called:
        """Return the rows, or why there are none."""
        sql = arguments.get("sql")
        wrong = refuse_unknown(arguments, {"sql": None})
        if wrong or not isinstance(sql, str) or not sql.strip():
            return refused(made, wrong or "sql: write one SELECT.")
        try:
            found = await self.result(made.id, sql)
        except TramontaneError as error:
            return refused(made, error.message)
        found = within(found, self._left_bytes)
        self._left_bytes -= len(msgspec.json.encode(found.rows))
        shown = as_text(found, characters_max=self._characters_max)
        return Called(msgspec.structs.replace(made, result=shown), shown, (found,))

    async def result(self, part_id: str, sql: str, *, is_edited: bool = False) -> ResultPart:
        """Return what `sql` gives, as a part of an answer. Raises what `QueryPool.run` does."""
        answer = await self._pool.run(sql, [table.place for table in self._tables], LIMITS)
        used = [table for table in self._tables if _names(sql, table)] or list(self._tables[:1])
        return part_of(part_id, sql, answer, used, self._language, is_edited=is_edited)


def part_of(
    part_id: str,
    sql: str,
    answer: Answer,
    used: Sequence[Askable],
    language: str,
    *,
    is_edited: bool = False,
) -> ResultPart:
    """Return an answer to SQL as a part of a message, with the chart that suits it."""
    return ResultPart(
        id=part_id,
        title=", ".join(table.title for table in used)[:TITLE_CHARACTERS_MAX],
        tables=tuple(table.id for table in used),
        sql=sql.strip(),
        columns=answer.columns,
        rows=answer.rows,
        row_count=answer.row_count,
        is_truncated=answer.is_truncated,
        took_ms=answer.took_ms,
        chart=chart(answer.columns, answer.rows, language, is_truncated=answer.is_truncated),
        is_edited=is_edited,
    )


def _names(sql: str, table: Askable) -> bool:
    return table.name.lower() in sql.lower()
