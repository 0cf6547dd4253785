"""Questions run: cells, limits, children that are gone afterwards."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import psutil
import pytest

from tramontane.errors import InvalidRequest
from tramontane.tables.query import Answer, QueryLimits, QueryPool, QueryTable

Run = Callable[..., Answer]
SALES = """CREATE TABLE sales AS SELECT i AS id, ['North', 'South', 'Ost'][i % 3 + 1] AS region,
  CAST(i * 1.25 AS DECIMAL(12, 2)) AS amount, DATE '2024-01-01' + CAST(i % 366 AS INT) AS day,
  i % 2 = 0 AS is_even FROM range(30000) t(i)"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with one table."""
    path = tmp_path_factory.mktemp("tables") / "sales.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SALES)
        connection.execute("CREATE TABLE secret AS SELECT 42 AS answer")
    return path


@pytest.fixture
def run(pool: QueryPool, file: Path) -> Run:
    """Ask the table."""

    def ask(sql: str, limits: QueryLimits | None = None, name: str = "sales") -> Answer:
        table = QueryTable(name=name, path=str(file), inner="sales")
        return asyncio.run(pool.run(sql, [table], limits))

    return ask


def test_cells_are_json_and_exact(run: Run) -> None:
    answer = run(
        "SELECT 9007199254740992, 9007199254740993, 0.1::DECIMAL(3,2), 12345678901234567.25,"
        " 1e300, 'nan'::DOUBLE, DATE '2024-03-12', TIMESTAMP '2024-03-12 10:30:00', true, NULL,"
        " [1, 2], INTERVAL 1 DAY, TIMESTAMPTZ '2024-03-12 10:30:00+02', 'é', 1.50"
        " FROM sales LIMIT 1"
    )
    assert answer.rows == (
        (
            9007199254740992, "9007199254740993", 0.1, "12345678901234567.25", 1e300, "nan",
            "2024-03-12", "2024-03-12T10:30:00", True, None, "[1, 2]", "1 day",
            "2024-03-12 08:30:00+00", "é", 1.5,
        ),
    )  # fmt: skip


def test_order_types_and_counts(run: Run) -> None:
    answer = run("SELECT id, region, amount, day, is_even FROM sales ORDER BY id DESC")
    assert [column.type for column in answer.columns] == [
        "number",
        "text",
        "number",
        "date",
        "truth",
    ]
    assert (len(answer.rows), answer.row_count, answer.is_truncated) == (1000, 30000, True)
    assert answer.rows[0] == (29999, "Ost", 37498.75, "2024-12-19", False)
    answer = run("SELECT now(), id FROM sales ORDER BY id DESC LIMIT 3")
    assert [row[1] for row in answer.rows] == [29999, 29998, 29997]


def test_another_name_for_the_table(run: Run) -> None:
    answer = run('SELECT count(*) FROM "Königsberg"', name="Königsberg")
    assert answer.rows == ((30000,),)


def test_bytes_are_limited(run: Run) -> None:
    answer = run("SELECT repeat('x', 1000) FROM sales", QueryLimits(bytes=10_000))
    assert (len(answer.rows), answer.row_count, answer.is_truncated) == (9, 30000, True)
    answer = run("SELECT repeat('x', 50000) FROM sales LIMIT 1")
    assert len(answer.rows[0][0]) == 20_001 and answer.is_truncated


def test_a_mistake_is_explained(run: Run) -> None:
    with pytest.raises(InvalidRequest) as raised:
        run("SELECT regoin FROM sales")
    assert raised.value.code == "query_failed"
    assert "regoin" in raised.value.message and "region" in raised.value.message


def test_only_what_is_named_is_there(run: Run) -> None:
    with pytest.raises(InvalidRequest) as raised:
        run("SELECT * FROM secret")
    assert raised.value.code == "sql_refused"


def test_a_file_that_is_gone_is_not_named(pool: QueryPool, tmp_path: Path) -> None:
    table = QueryTable(name="sales", path=str(tmp_path / "gone.duckdb"), inner="sales")
    with pytest.raises(InvalidRequest) as raised:
        asyncio.run(pool.run("SELECT * FROM sales", [table]))
    assert raised.value.code == "query_failed"
    assert "gone.duckdb" not in raised.value.message


BOMBS = {
    "cross join": "SELECT count(*) FROM sales a, sales b, sales c WHERE a.amount * b.amount > c.id",
    "recursion": "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n)"
    " SELECT max(i) FROM n",
    "exploding recursion": "WITH RECURSIVE n AS (SELECT repeat('x', 1000) AS t"
    " UNION ALL SELECT t || t FROM n, sales) SELECT count(*) FROM n",
    "repeat": "SELECT length(repeat(repeat('x', 1000000), 100000)) FROM sales",
    "list": "SELECT list(repeat('x', 100000)) FROM sales",
    "range": "SELECT count(DISTINCT i) FROM range(100000000000) AS t(i)",
    "sort": "SELECT a.id FROM sales a, sales b ORDER BY a.amount * b.amount LIMIT 1000000",
    "regex": "SELECT count(*) FROM sales"
    " WHERE regexp_matches(repeat('a', 100000), '(a+)+$|(a|aa)+b')",
    "string_agg": "SELECT length(string_agg(a.region, '')) FROM sales a, sales b",
    "window": "SELECT sum(a.id) OVER (ORDER BY a.amount * b.amount) FROM sales a, sales b",
}

QUICK = ("cross join", "repeat", "list")


@pytest.mark.parametrize(
    "kind",
    [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in BOMBS],
)
def test_bombs_end_at_the_limits(run: Run, kind: str) -> None:
    limits = QueryLimits(timeout_s=0.5, memory_bytes=128 * 1024**2)
    began_s = time.monotonic()
    try:
        run(BOMBS[kind], limits)
    except InvalidRequest as error:
        assert error.code in ("query_timeout", "query_too_large", "query_failed"), error.message
    assert time.monotonic() - began_s < 15
    assert run("SELECT count(*) FROM sales").rows == ((30000,),)


def test_children_are_gone(file: Path) -> None:
    made = QueryPool(QueryLimits(timeout_s=20.0))
    table = QueryTable(name="sales", path=str(file), inner="sales")

    async def cancelled() -> None:
        task = asyncio.create_task(made.run(BOMBS["cross join"], [table]))
        await asyncio.sleep(1.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(made.run("SELECT 1 FROM sales LIMIT 1", [table]))
    asyncio.run(cancelled())
    assert any(_is_of(each, made) for each in psutil.Process().children())
    made.close()
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        left = [each for each in psutil.Process().children() if _is_of(each, made)]
        if not left:
            break
        time.sleep(0.1)
    assert not left


def _is_of(process: psutil.Process, pool: QueryPool) -> bool:
    try:
        return process.cwd() in pool._folders
    except psutil.Error:
        return False


def test_many_at_once(pool: QueryPool, file: Path) -> None:
    table = QueryTable(name="sales", path=str(file), inner="sales")

    async def all_of_them() -> list[Answer]:
        return await asyncio.gather(
            *(pool.run(f"SELECT {n}, count(*) FROM sales", [table]) for n in range(4))
        )

    answers = asyncio.run(all_of_them())
    assert [answer.rows[0] for answer in answers] == [(n, 30000) for n in range(4)]
