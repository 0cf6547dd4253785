"""What SQL is run, and what is refused before anything runs it."""

import pytest
import sqlglot
from sqlglot import exp

from tests.tables.escapes import REFUSED
from tramontane.errors import InvalidRequest
from tramontane.tables.functions import CLASSES, NAMES
from tramontane.tables.validate import validate

TABLES = ("sales", "people", "Köln")

GOOD = [
    "SELECT * FROM sales",
    "select region, sum(amount) as total from sales group by region order by total desc limit 5",
    "SELECT date_trunc('month', day) AS month, avg(amount) FROM sales GROUP BY 1 ORDER BY 1",
    "WITH t AS (SELECT * FROM sales), u AS (SELECT * FROM t) SELECT count(*) FROM u",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
    "SELECT region FROM sales UNION SELECT name FROM people EXCEPT SELECT 'x'",
    "SELECT count(*) FILTER (WHERE id > 1), median(id), quantile_cont(amount, 0.9) FROM sales",
    "SELECT s.region FROM sales s LEFT JOIN people p ON p.id = s.person_id WHERE p.name ILIKE 'a%'",
    "SELECT id, row_number() OVER (PARTITION BY region ORDER BY id) AS r FROM sales QUALIFY r < 3",
    "SELECT CASE WHEN amount > 10 THEN 'many' ELSE 'few' END, count(*) FROM sales GROUP BY ALL",
    "SELECT 100.0 * sum(amount) / (SELECT sum(amount) FROM sales) FROM sales WHERE id = 1",
    "SELECT strftime(day, '%Y-%m'), extract(year FROM day), day + INTERVAL 1 MONTH FROM sales",
    "SELECT * EXCLUDE (amount) FROM sales WHERE region IN (SELECT name FROM people)",
    "SELECT v FROM (VALUES (1), (2)) AS t(v)",
    "SELECT u.x, i FROM unnest([1, 2]) AS u(x), range(3) AS r(i)",
    'SELECT "Größe" FROM "Köln"',
    "SELECT list_transform([1, 2], x -> x + 1), {'a': 1}.a, amount::INTEGER FROM sales",
    "(SELECT region FROM sales LIMIT 2) UNION ALL (SELECT region FROM sales)",
    "SELECT region, sum(amount) FROM sales GROUP BY ROLLUP (region) HAVING sum(amount) > 0",
    "FROM sales SELECT region;",
    "SELECT name, string_agg(region, ', ' ORDER BY region) FROM sales, people GROUP BY name -- who",
]  # fmt: skip


@pytest.mark.parametrize("sql", GOOD)
def test_what_people_ask_is_run(sql: str) -> None:
    once = validate(sql, TABLES)
    assert validate(once, TABLES) == once  # what was written anew is what would be written again


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_no_question_is_refused(sql: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        validate(sql, TABLES)
    assert raised.value.code == "sql_refused"
    assert len(raised.value.message) > 20


def test_the_limit_is_added_where_it_is_missing_or_too_large() -> None:
    assert validate("SELECT * FROM sales", TABLES, 10).endswith("LIMIT 11")
    assert validate("SELECT * FROM sales LIMIT 5", TABLES, 10).endswith("LIMIT 5")
    assert validate("SELECT * FROM sales LIMIT 500", TABLES, 10).endswith("LIMIT 11")
    assert validate("SELECT 1 UNION SELECT 2", TABLES, 10).endswith("LIMIT 11")
    assert "LIMIT 11" in validate("SELECT * FROM sales OFFSET 5", TABLES, 10)


def test_a_with_is_known_only_where_it_stands() -> None:
    validate("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b", TABLES)
    for sql in (
        "WITH b AS (SELECT * FROM a), a AS (SELECT 1) SELECT * FROM b",
        "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS t, a",
        "WITH a AS (SELECT * FROM a) SELECT * FROM a",
    ):
        with pytest.raises(InvalidRequest):
            validate(sql, TABLES)


def test_every_name_leads_to_a_class_that_is_listed() -> None:
    for name in sorted(NAMES):
        for arguments in ("", "a", "a, b", "a, b, c", "'day', a, b"):
            try:
                tree = sqlglot.parse_one(f"SELECT {name}({arguments})", read="duckdb")
            except sqlglot.errors.SqlglotError:
                continue
            for node in tree.find_all(exp.Func):
                if not isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
                    assert type(node).__name__ in CLASSES, name


def test_nothing_of_a_question_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidRequest):
        validate("LOAD secret_words", TABLES)
    assert caplog.text == ""


def test_every_class_is_one_of_sqlglot() -> None:
    assert [name for name in CLASSES if not hasattr(exp, name)] == []
