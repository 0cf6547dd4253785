"""Numbers that SQL writes into its own result."""

from decimal import Decimal

import pytest

from tramontane.store.messages import ResultColumn, ResultPart
from tramontane.tables.constants import constants, made_up_columns, without_constants


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 999",
        "SELECT region, 999 AS total FROM sales",
        "SELECT region, -999 FROM sales",
        "SELECT region, CAST('999' AS INT) AS total FROM sales",
        "SELECT CASE WHEN region = 'North' THEN 999 ELSE amount END FROM sales",
        "SELECT if(region = 'North', 999, amount) FROM sales",
        "SELECT amount * 0 + 999 FROM sales",
        "WITH x AS (SELECT 999 AS n) SELECT n FROM x, sales",
        "SELECT n FROM (VALUES (999)) AS t(n)",
        "SELECT coalesce(NULL, 999) FROM sales",
        "SELECT region FROM sales UNION ALL SELECT 999",
        "SELECT round(999, 2) FROM sales",
    ],
)
def test_what_is_written_is_found(sql: str) -> None:
    assert Decimal(999) in constants(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT year, sum(amount) FROM sales WHERE year = 2024 GROUP BY year",
        "SELECT round(sum(amount), 2) FROM sales LIMIT 5",
        "SELECT 100.0 * sum(a) / sum(b) AS share FROM sales",
        "SELECT count(*) FILTER (WHERE n > 3) FROM sales",
        "SELECT sum(CASE WHEN n > 3 THEN 1 ELSE 0 END) FROM sales",
        "SELECT coalesce(sum(a), 0) FROM sales",
        "SELECT a FROM sales WHERE b IN (1, 2, 3)",
        "SELECT CASE WHEN n = 5 THEN a END FROM sales",
        "SELECT no sql at all (",
    ],
)
def test_what_is_only_asked_for_is_not(sql: str) -> None:
    assert constants(sql) == frozenset()


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT 500 + 499 AS n, region FROM sales", {0}),
        ("SELECT 500 * 2, 3", {0, 1}),
        ("WITH x AS (SELECT 500 * 2 AS n) SELECT n, n FROM x", {0, 1}),
        ("SELECT count(*), max(a) FROM sales", set()),
        ("WITH x AS (SELECT a FROM sales) SELECT a, a FROM x", set()),
        ("SELECT * FROM sales", set()),
    ],
)
def test_columns_that_no_table_has(sql: str, columns: set[int]) -> None:
    assert made_up_columns(sql, 2) == columns


def test_such_cells_are_left_empty() -> None:
    result = ResultPart(
        id="c",
        title="",
        tables=(),
        sql="SELECT region, 999 AS total, sum(n) FROM sales GROUP BY region",
        columns=(ResultColumn("region", "text"), ResultColumn("total", "number")),
        rows=(("North", 999, 12), ("South", 999.0, 998)),
        row_count=2,
    )
    assert without_constants(result).rows == (("North", None, 12), ("South", None, 998))
