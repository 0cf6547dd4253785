"""No SQL gets out: neither past the check, nor, should it, past the locks of the child.

DuckDB's own parser judges what sqlglot let through. What is run is run in children, with a file
beside them that must not be read and one that must not be written.
"""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from tests.tables.escapes import REFUSED
from tests.tables.fuzz import Fuzz
from tramontane.errors import InvalidRequest
from tramontane.tables.functions import NAMES, TABLE_FUNCTIONS
from tramontane.tables.query import Failed, Job, QueryLimits, QueryPool, QueryTable
from tramontane.tables.query_child import _SETTINGS, answer
from tramontane.tables.validate import validate

CANARY = "Zwetschgenkuchen"
TABLES = ("sales", "people")
TRIES = 10_000
RUN = 400
CHILDREN = 200
# Operators, and functions that DuckDB's parser makes of syntax.
_SIGNS = "+ - * / // % ^ ** || & | ~ << >> -> ->> ~~ !~~ ~~* !~~* ~~~ @> <@ && ! @"
_OPERATORS = set(_SIGNS.split())
_WORDS = """
    list_value row array_extract struct_pack struct_extract array_slice date_part like_escape
    ilike_escape not_like_escape not_ilike_escape regexp_full_match map to_years to_months
    to_days to_hours to_minutes to_seconds date_trunc count_star list_filter list_apply
    list_transform trunc array_value quantile_cont list_contains get_current_timestamp today
    contains list_aggr unnest timezone current_date quantile_disc arg_max arg_min list_concat
    list_sort json_extract json_extract_string group_concat listagg stddev variance in
    constructor
"""
_OF_SYNTAX = set(_WORDS.split())


class World:
    """A file with a table, a file that must not be read, and a place where none may be written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tables.duckdb"
        self.canary = folder / "canary.csv"
        self.canary.write_text(f"secret\n{CANARY}\n")
        self.target = folder / "written.csv"
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(
                "CREATE TABLE sales AS SELECT i AS id, 'r' || i AS region, i * 1.5 AS amount,"
                " DATE '2024-01-01' AS day FROM range(20) t(i)"
            )
            connection.execute("CREATE TABLE people AS SELECT 1 AS id, 'a' AS name")
            connection.execute(f"CREATE TABLE secret AS SELECT '{CANARY}' AS word")

    def job(self, sql: str, limits: QueryLimits | None = None) -> Job:
        tables = [QueryTable(name=each, path=str(self.path), inner=each) for each in TABLES]
        return Job(
            sql=sql,
            count_sql="SELECT 0",
            tables=tuple(tables),
            limits=limits or QueryLimits(timeout_s=3.0, memory_bytes=128 * 1024**2, rows=50),
        )

    def fuzz(self, seed: int) -> Fuzz:
        return Fuzz(seed, str(self.canary), str(self.target))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The files."""
    yield World(tmp_path_factory.mktemp("escape"))


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            yield each
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)


class Judge:
    """DuckDB's parser, asked what SQL reads and calls."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:")

    def problems(self, sql: str) -> list[str]:
        """Return what `sql` should not contain; nothing where DuckDB does not understand it."""
        row = self._connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        assert row is not None
        tree = json.loads(row[0])
        if tree.get("error"):
            return [] if tree.get("error_type") in ("parser", "not implemented") else [row[0][:200]]
        found = [] if len(tree["statements"]) == 1 else ["more than one statement"]
        defined = {
            entry["key"].lower()
            for node in _nodes(tree)
            for entry in (node.get("cte_map") or {}).get("map") or ()
        }
        for node in _nodes(tree):
            if node.get("type") == "BASE_TABLE":
                name = node["table_name"].lower()
                if node.get("schema_name") or node.get("catalog_name"):
                    found.append(f"schema before {name}")
                if name not in TABLES and name not in defined:
                    found.append(f"table {name}")
            elif node.get("type") == "TABLE_FUNCTION":
                name = node["function"]["function_name"].lower()
                if name not in TABLE_FUNCTIONS:
                    found.append(f"table function {name}")
            elif "function_name" in node and node.get("class") in ("FUNCTION", "WINDOW"):
                name = node["function_name"].lower()
                if name not in NAMES | _OPERATORS | _OF_SYNTAX | TABLE_FUNCTIONS:
                    found.append(f"function {name}")
                if node.get("schema") not in ("", None, "main") or node.get("catalog"):
                    found.append(f"schema before {name}")
        return found


def _let_through(fuzz: Fuzz, tries: int) -> tuple[list[str], list[tuple[str, list[str]]]]:
    judge = Judge()
    passed: list[str] = []
    wrong: list[tuple[str, list[str]]] = []
    for _ in range(tries):
        sql = fuzz.sql()
        try:
            checked = validate(sql, TABLES, 50)
        except InvalidRequest as error:
            assert error.code == "sql_refused"
            continue
        passed.append(checked)
        problems = judge.problems(checked)
        if problems:
            wrong.append((checked, problems))
    return passed, wrong


def test_duckdb_agrees_with_the_check(world: World) -> None:
    passed, wrong = _let_through(world.fuzz(1), 400)
    assert not wrong, wrong[:3]
    assert len(passed) > 40


@pytest.mark.slow
def test_duckdb_agrees_with_the_check_ten_thousand_times(world: World) -> None:
    passed, wrong = _let_through(world.fuzz(2), TRIES)
    assert not wrong, wrong[:3]
    assert len(passed) > 1_000


def test_the_judge_sees_what_it_should() -> None:
    judge = Judge()
    assert judge.problems("SELECT * FROM secret") == ["table secret"]
    assert judge.problems("SELECT * FROM read_text('x')")[0] == "table function read_text"
    assert judge.problems("SELECT getenv('x') FROM sales") == ["function getenv"]
    assert judge.problems("SELECT * FROM main.sales") == ["schema before sales"]
    assert judge.problems("WITH w AS (SELECT 1) SELECT sum(x) OVER () FROM w, sales") == []


def _leaks(world: World, said: str) -> bool:
    return CANARY in said or world.target.exists() or os.environ.get("HOME", "?") + '"' in said


def test_the_locks_hold_without_the_check(world: World) -> None:
    ways = [
        f"SELECT * FROM read_text('{world.canary}')", f"SELECT * FROM '{world.canary}'",
        f"SELECT * FROM read_csv('{world.canary}')",
        f"SELECT * FROM glob('{world.canary.parent}/*')",
        f"COPY (SELECT 1) TO '{world.target}'", f"ATTACH '{world.target}' AS x",
        "SET enable_external_access = true", "RESET lock_configuration", "INSTALL httpfs",
        f"EXPORT DATABASE '{world.target}'", "PRAGMA enable_external_access", "LOAD sqlite",
        f"SELECT * FROM query('SELECT * FROM read_text(''{world.canary}'')')",
        f"CREATE TABLE x AS SELECT * FROM read_blob('{world.canary}')", "DELETE FROM sales",
        "UPDATE source_0.main.sales SET id = 0", "DROP TABLE source_0.main.sales",
    ]  # fmt: skip
    _run_without_the_check(world, ways)
    with duckdb.connect(str(world.path), read_only=True) as connection:
        assert connection.execute("SELECT count(*), max(id) FROM sales").fetchone() == (20, 19)


@pytest.mark.slow
def test_the_locks_hold_against_everything_that_is_refused(world: World) -> None:
    fuzz = world.fuzz(3)
    made = [sql for sql in REFUSED if sql.strip(" ;")]
    _run_without_the_check(world, [*made, *(fuzz.sql() for _ in range(RUN))])


def _run_without_the_check(world: World, statements: list[str]) -> None:
    for sql in statements:
        with duckdb.connect(":memory:", config=dict(_SETTINGS)) as connection:
            said = json.dumps(_said(connection, world, sql))
        # The whole file may be named by its tables' catalogue: the secret table is in it.
        assert not _leaks(world, said) or "secret" in sql, sql


def _said(connection: duckdb.DuckDBPyConnection, world: World, sql: str) -> Any:
    job = msgspec.to_builtins(world.job(sql.replace("\0", " ")))
    job["limits"]["rows"] = 5
    try:
        return answer(connection, job)
    except (RecursionError, ValueError) as error:
        return str(error)


@pytest.mark.slow
def test_nothing_leaks_from_children(world: World) -> None:
    """Each in a child of its own, without the check: what sqlglot would refuse is run too."""
    fuzz, pool = world.fuzz(4), QueryPool(QueryLimits(timeout_s=3.0))
    try:
        for _ in range(CHILDREN):
            sql = fuzz.sql().replace("\0", " ")
            child = pool._taken("files")
            try:
                reply = child.ask(world.job(sql), threading.Event())
            finally:
                child.end()
                pool.warm()
            said = msgspec.json.encode(reply).decode()
            assert not _leaks(world, said) or "secret" in sql, sql
            assert isinstance(reply, Failed) or len(reply.rows) <= 50
    finally:
        pool.close()
