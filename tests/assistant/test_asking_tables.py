"""Questions to tables: by a model's call, by SQL in its text, and what is then kept and checked."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.assistant import shelves
from tests.assistant.desk import Desk, ScriptedTokens, Step, opened, spoken
from tramontane.assistant.holdings import Holdings
from tramontane.assistant.tokenstream import Finished, TextDelta, ToolCallDelta
from tramontane.errors import InvalidRequest
from tramontane.money import Usage
from tramontane.store.database import Store
from tramontane.store.messages import (
    Check,
    ChecksPart,
    Message,
    ResultPart,
    SourcesPart,
    TextPart,
    ToolPart,
)
from tramontane.tables.query import QueryPool

USED = Usage(prompt_tokens=10, completion_tokens=5)
SALES = """
SELECT * FROM (VALUES ('North', 2023, 120.5), ('North', 2024, 140.0), ('South', 2024, 98.25))
AS sales(region, year, amount)
"""
TOTAL = "SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total DESC"


@pytest.fixture(scope="module")
def pool() -> Iterator[QueryPool]:
    """What runs SQL."""
    made = QueryPool(size=1)
    yield made
    made.close()


def desk_with_sales(
    store: Store, tokens: ScriptedTokens, pool: QueryPool, folder: Path, **served: Any
) -> Desk:
    desk = Desk(store, tokens, Holdings(store, pool, folder), **served)
    own = shelves.own_library(store, desk.conversation.id, desk.place.project_id, desk.member.id)
    made = shelves.document(store, own, "sales.csv", [("", "region | year | amount")], kind="csv")
    shelves.table(store, made, folder, "sales", SALES)
    return desk


def calling(sql: str, id_: str = "c1") -> list[Step]:
    arguments = json.dumps({"sql": sql})
    call = ToolCallDelta(index=0, id=id_, name="query_table", arguments=arguments)
    return [opened(1), call, Finished("tool_calls", USED)]


def asked(desk: Desk, text: str, **fields: Any) -> Message:
    async def run() -> Message:
        return await desk.answered(desk.order(text, **fields))

    return asyncio.run(run())


def numbers(message: Message) -> list[Check]:
    (part,) = [part for part in message.parts if isinstance(part, ChecksPart)]
    return [check for check in part.checks if check.kind == "number"]


def result(message: Message) -> ResultPart:
    (part,) = [part for part in message.parts if isinstance(part, ResultPart)]
    return part


def test_a_model_asks_and_its_numbers_are_bound(
    store: Store, pool: QueryPool, tmp_path: Path
) -> None:
    tokens = ScriptedTokens(calling(TOTAL), spoken("North sold 260.5, South 98.3, East 77."))
    desk = desk_with_sales(store, tokens, pool, tmp_path, supports_tools=True)
    answer = asked(desk, "What did each region sell?")
    kinds = [type(part) for part in answer.parts]
    assert kinds == [SourcesPart, ToolPart, ResultPart, TextPart, ChecksPart]
    found = result(answer)
    assert found.id == "c1"
    assert found.rows == (("North", 260.5), ("South", 98.25))
    assert found.chart is not None
    assert [(c.text, c.verdict, c.cell) for c in numbers(answer)] == [
        ("260.5", "proven", ("c1", 0, 1)),
        ("98.3", "proven", ("c1", 1, 1)),
        ("77", "unproven", None),
    ]
    told = tokens.bodies[1]["messages"][-1]
    assert json.loads(told["content"])["row_count"] == 2
    first = tokens.bodies[0]
    assert [tool["function"]["name"] for tool in first["tools"]][-1] == "query_table"
    assert "table sales: sales.csv, 3 rows" in first["messages"][1]["content"]
    assert "region text: North; South" in first["messages"][1]["content"]


def test_a_model_without_tools_writes_sql(store: Store, pool: QueryPool, tmp_path: Path) -> None:
    block: list[Step] = [opened(1), TextDelta("```"), TextDelta(f"sql\n{TOTAL}\n```")]
    block.append(Finished("stop", USED))
    tokens = ScriptedTokens(block, spoken("North sold 260.5."))
    desk = desk_with_sales(store, tokens, pool, tmp_path)
    answer = asked(desk, "What did each region sell?")
    kinds = [type(part) for part in answer.parts]
    assert kinds == [SourcesPart, ToolPart, ResultPart, TextPart, ChecksPart]
    assert answer.text == "North sold 260.5."
    assert numbers(answer)[0].verdict == "proven"
    assert "tools" not in tokens.bodies[0]
    assert "```sql" in tokens.bodies[0]["messages"][0]["content"]
    assert '"rows":[["North",260.5]' in tokens.bodies[1]["messages"][-1]["content"]


def test_sql_in_text_that_fails_is_mended(store: Store, pool: QueryPool, tmp_path: Path) -> None:
    wrong = spoken("```sql\nSELECT nothing FROM sales\n```")
    right = spoken(f"Sorry.\n```sql\n{TOTAL}\n```")
    desk = desk_with_sales(
        store, tokens := ScriptedTokens(wrong, right, spoken("260.5.")), pool, tmp_path
    )
    answer = asked(desk, "What did each region sell?")
    calls = [part for part in answer.parts if isinstance(part, ToolPart)]
    assert [call.is_error for call in calls] == [True, False]
    assert "Correct the SQL" in tokens.bodies[1]["messages"][3]["content"]
    assert answer.text.endswith("260.5.")


def test_an_ordinary_answer_is_shown_as_it_comes(
    store: Store, pool: QueryPool, tmp_path: Path
) -> None:
    desk = desk_with_sales(store, ScriptedTokens(spoken("```py\nx\n```")), pool, tmp_path)
    assert asked(desk, "Write some code.").text == "```py\nx\n```"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM other",
        "SELECT * FROM read_csv('/etc/passwd')",
        "DROP TABLE sales",
        "SELECT 1; SELECT 2",
        "ATTACH 'x.db'",
    ],
)
def test_sql_that_reaches_further_is_refused(
    store: Store, pool: QueryPool, tmp_path: Path, sql: str
) -> None:
    tokens = ScriptedTokens(calling(sql), spoken("No."))
    answer = asked(desk_with_sales(store, tokens, pool, tmp_path, supports_tools=True), "Do it")
    (call,) = [part for part in answer.parts if isinstance(part, ToolPart)]
    assert call.is_error
    assert not any(isinstance(part, ResultPart) for part in answer.parts)


def test_later_turns_see_a_result_as_it_is_now(
    store: Store, pool: QueryPool, tmp_path: Path
) -> None:
    tokens = ScriptedTokens(calling(TOTAL), spoken("260.5 [1]."), spoken("More."))
    desk = desk_with_sales(store, tokens, pool, tmp_path, supports_tools=True)
    first = asked(desk, "What did each region sell?")
    asked(desk, "And in 2023?", parent_id=first.id)
    sent = tokens.bodies[-1]["messages"]
    tool = next(message for message in sent if message["role"] == "tool")
    assert json.loads(tool["content"])["rows"] == [["North", 260.5], ["South", 98.25]]
    said = [message["content"] for message in sent if message["role"] == "assistant"]
    assert "260.5." in said  # without its mark: that passage is not shown again


def test_two_tables_of_one_name_are_told_apart(
    store: Store, pool: QueryPool, tmp_path: Path
) -> None:
    tokens = ScriptedTokens(calling("SELECT count(*) AS n FROM sales_2"), spoken("1."))
    desk = desk_with_sales(store, tokens, pool, tmp_path, supports_tools=True)
    own = shelves.own_library(store, desk.conversation.id, desk.place.project_id, desk.member.id)
    other = shelves.document(store, own, "more.csv", [("", "n")], kind="csv")
    shelves.table(store, other, tmp_path, "sales", "SELECT 1 AS n", later_ms=1)
    assert result(asked(desk, "How many?")).rows == ((1,),)


def test_a_result_is_kept_small(store: Store, pool: QueryPool, tmp_path: Path) -> None:
    sql = "SELECT range AS n, repeat('x', 400) AS t FROM range(100000)"
    tokens = ScriptedTokens(calling(sql), spoken("Many."))
    answer = asked(desk_with_sales(store, tokens, pool, tmp_path, supports_tools=True), "All")
    calls = [part for part in answer.parts if isinstance(part, ToolPart)]
    assert len(calls[0].result or "") <= 12_000
    if not calls[0].is_error:
        assert result(answer).is_truncated
        assert len(json.dumps(result(answer).rows)) < 300_000


def test_unknown_arguments_are_refused(store: Store, pool: QueryPool, tmp_path: Path) -> None:
    asking = Holdings(store, pool, tmp_path)
    desk = desk_with_sales(store, ScriptedTokens(spoken("x")), pool, tmp_path)
    order = desk.order("x")

    async def run() -> None:
        tool = await asking.asking(order.scope, "en")
        call = ToolPart(id="c", name="query_table", arguments="{}")
        for arguments in ({}, {"sql": 1}, {"sql": "SELECT 1", "library_id": "lib_x"}):
            assert (await tool.call(call, arguments)).kept.is_error
        with pytest.raises(InvalidRequest):
            await tool.result("c", "SELECT * FROM nowhere")

    asyncio.run(run())
