"""Connections to real databases: looked at, asked in their own SQL, and never changed."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pg8000.dbapi
import pymysql
import pytest

from tests.tables.servers import PASSWORD, mariadb, postgres
from tramontane.config import ServerSettings, Settings, TableSettings
from tramontane.errors import Forbidden, InvalidRequest
from tramontane.tables import connecting
from tramontane.tables.address import Address, check_allowed, parse
from tramontane.tables.load import Loaded
from tramontane.tables.query import Answer, QueryLimits, QueryPool, QueryTable
from tramontane.tables.target import Target

ORDERS = [
    (1, "Nîmes", "12.50", "2024-03-12"),
    (2, "Köln", "7.25", "2024-03-13"),
    (3, None, "100.00", None),
]


def _statements(number: str, text: str, mark: str) -> list[str]:
    order, city = f"{mark}Order Lines{mark}", f"{mark}City of Sale{mark}"
    rows = ", ".join(
        "(" + ", ".join("NULL" if cell is None else f"'{cell}'" for cell in row) + ")"
        for row in ORDERS
    )
    return [
        f"CREATE TABLE {order} (id {number}, {city} {text}, amount DECIMAL(10, 2), day DATE)",
        f"INSERT INTO {order} VALUES {rows}",
        f"CREATE TABLE cities (name {text}, country {text})",
        "INSERT INTO cities VALUES ('Nîmes', 'France'), ('Köln', 'Germany')",
    ]


class Database:
    """One real database, by its address."""

    def __init__(self, kind: Any, url: str) -> None:
        self.kind = kind
        self.url = url
        self.address: Address = parse(kind, url)
        self.tables: list[Loaded] = connecting.tables_at(self.address)

    def target(self, table: Loaded) -> Target:
        return Target(
            kind=self.kind,
            url=self.url,
            table=tuple(table.title.split(".", 1)),
            columns=tuple((column.name, column.title) for column in table.columns),
        )

    def ask(self, pool: QueryPool, sql: str, limits: QueryLimits | None = None) -> Answer:
        tables = [QueryTable(name=each.name, connection=self.target(each)) for each in self.tables]
        return asyncio.run(pool.run(sql, tables, limits))


@contextlib.contextmanager
def _sqlite(folder: Path) -> Iterator[Database]:
    path = folder / "shop 100%.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in _statements("INTEGER", "TEXT", '"'):
            connection.execute(statement)
        connection.commit()
    yield Database("sqlite", str(path))


@contextlib.contextmanager
def _postgres(_: Path) -> Iterator[Database]:
    with postgres() as port:
        connection = pg8000.dbapi.connect(
            "analyst", host="127.0.0.1", port=port, database="shop", password=PASSWORD
        )
        cursor = connection.cursor()
        for statement in _statements("INTEGER", "TEXT", '"'):
            cursor.execute(statement)
        connection.commit()
        connection.close()
        secret = quote(PASSWORD, safe="")
        yield Database("postgresql", f"postgresql://analyst:{secret}@127.0.0.1:{port}/shop")


@contextlib.contextmanager
def _mariadb(folder: Path) -> Iterator[Database]:
    with mariadb(folder) as port:
        connection = pymysql.connect(
            host="127.0.0.1", port=port, user="analyst", password=PASSWORD.encode(),
            database="shop", charset="utf8mb4",
        )  # fmt: skip
        with connection.cursor() as cursor:
            for statement in _statements("INTEGER", "VARCHAR(100)", "`"):
                cursor.execute(statement)
        connection.commit()
        connection.close()
        secret = quote(PASSWORD, safe="")
        yield Database("mysql", f"mysql://analyst:{secret}@127.0.0.1:{port}/shop")


KINDS = ["sqlite", "postgresql", pytest.param("mysql", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=KINDS)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A shop in each kind of database."""
    opened = {"sqlite": _sqlite, "postgresql": _postgres, "mysql": _mariadb}[request.param]
    with opened(tmp_path_factory.mktemp(request.param)) as made:
        yield made


def test_its_tables_are_looked_at(database: Database) -> None:
    names = {table.name: table for table in database.tables}
    assert set(names) == {"cities", "order_lines"}
    orders = names["order_lines"]
    assert orders.title.endswith("Order Lines") and orders.row_count == 3
    assert [column.name for column in orders.columns] == ["id", "city_of_sale", "amount", "day"]
    assert [column.title for column in orders.columns][1] == "City of Sale"
    assert [column.type for column in orders.columns] == ["number", "text", "number", "date"]
    amount = orders.columns[2]
    assert (amount.minimum, amount.maximum, amount.nulls) == (7.25, 100, 0)
    assert set(connecting.names_at(database.address)) == {t.title for t in database.tables}


def test_it_is_asked_in_its_own_sql(database: Database, pool: QueryPool) -> None:
    answer = database.ask(
        pool,
        "WITH known AS (SELECT * FROM order_lines WHERE city_of_sale IS NOT NULL) SELECT c.country,"
        " sum(o.amount) AS total, count(*) FROM known o JOIN cities c ON c.name = o.city_of_sale"
        " GROUP BY c.country ORDER BY total DESC",
    )
    assert answer.rows == (("France", 12.5, 1), ("Germany", 7.25, 1))
    assert [column.type for column in answer.columns] == ["text", "number", "number"]
    answer = database.ask(pool, "SELECT day, city_of_sale FROM order_lines ORDER BY id")
    assert answer.rows == (("2024-03-12", "Nîmes"), ("2024-03-13", "Köln"), (None, None))
    answer = database.ask(
        pool,
        "SELECT extract(year FROM CAST(day AS DATE)) AS y, month(day), date_trunc('month', day),"
        " round(avg(amount), 1) FROM order_lines WHERE id < 3 AND city_of_sale ILIKE 'k%'"
        " GROUP BY day",
    )
    year, month, start, mean = answer.rows[0]
    assert (float(year), float(month), start[:10], float(mean)) == (2024, 3, "2024-03-01", 7.3)


def test_a_median(database: Database, pool: QueryPool) -> None:
    if database.kind == "mysql":
        return  # has none as an aggregate: the server says so
    answer = database.ask(pool, "SELECT median(amount) FROM order_lines")
    assert float(answer.rows[0][0]) == 12.5


def test_results_are_limited(database: Database, pool: QueryPool) -> None:
    answer = database.ask(pool, "SELECT * FROM order_lines ORDER BY id", QueryLimits(rows=2))
    assert (len(answer.rows), answer.row_count, answer.is_truncated) == (2, 3, True)


def test_it_is_ended_at_its_deadline(database: Database, pool: QueryPool) -> None:
    joined = ", ".join(f"cities c{n}" for n in range(30))
    wanted = " AND ".join(f"c{n}.name <> c{n + 1}.country" for n in range(29))
    with pytest.raises(InvalidRequest) as raised:
        database.ask(
            pool, f"SELECT count(*) FROM {joined} WHERE {wanted}", QueryLimits(timeout_s=1.5)
        )
    assert raised.value.code in ("query_timeout", "query_failed", "connection_failed")


def test_mistakes_are_told_in_its_words(database: Database, pool: QueryPool) -> None:
    with pytest.raises(InvalidRequest) as raised:
        database.ask(pool, "SELECT nowhere FROM order_lines")
    assert raised.value.code == "query_failed"
    assert "nowhere" in raised.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE cities", "SELECT * FROM pg_user", "SELECT pg_sleep(9)", "SELECT load_file('x')",
        "SELECT * FROM mysql.user", "SELECT * FROM sqlite_master", "SELECT version()",
        "SELECT * FROM cities INTO OUTFILE 'x'", "SELECT * FROM public.cities",
    ],
)  # fmt: skip
def test_nothing_else_is_run(database: Database, pool: QueryPool, sql: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        database.ask(pool, sql)
    assert raised.value.code == "sql_refused"


def test_even_past_the_check_nothing_is_written(database: Database) -> None:
    from tramontane.tables.remote import RemoteError, opened

    quoted = "`cities`" if database.kind == "mysql" else '"cities"'
    session = opened(database.address, 5.0)
    try:
        for sql in (f"DELETE FROM {quoted}", f"DROP TABLE {quoted}", "CREATE TABLE x (a INTEGER)"):
            with pytest.raises(RemoteError):
                session.run(sql)
        _, fetch = session.run(f"SELECT count(*) FROM {quoted}")
        assert list(fetch(2)[0]) == [2]
    finally:
        session.close()


def test_a_wrong_password_is_said(database: Database) -> None:
    if database.kind == "sqlite":
        wrong = parse("sqlite", database.url + ".gone")
    else:
        wrong = parse(database.kind, database.url.replace("analyst:", "analyst:x"))
    with pytest.raises(InvalidRequest) as raised:
        connecting.names_at(wrong)
    assert raised.value.code == "connection_failed"
    assert PASSWORD not in raised.value.message


def test_tables_of_two_places_are_not_joined(database: Database, pool: QueryPool) -> None:
    tables = [
        QueryTable(name="here", path="/nowhere.duckdb", inner="here"),
        QueryTable(name="there", connection=database.target(database.tables[0])),
    ]
    with pytest.raises(InvalidRequest) as raised:
        asyncio.run(pool.run("SELECT * FROM here, there", tables))
    assert raised.value.code == "sql_refused"


ADDRESSES = [
    ("postgresql", "postgresql://a:b@db.example.org/x", "verify", 5432),
    ("postgresql", "postgres://a:b@127.0.0.1:15432/x", "disable", 15432),
    ("postgresql", "postgresql://a@[::1]/x?sslmode=require", "require", 5432),
    ("mysql", "mariadb://a:b%40c@db.example.org/x?sslmode=disable", "disable", 3306),
]


@pytest.mark.parametrize(("kind", "url", "tls", "port"), ADDRESSES)
def test_addresses(kind: Any, url: str, tls: str, port: int) -> None:
    found = parse(kind, url)
    assert (found.tls, found.port) == (tls, port)
    assert "a:" not in found.place and "@" not in found.place


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("postgresql", ""), ("postgresql", "mysql://a:b@h/x"), ("postgresql", "postgresql://h/x"),
        ("postgresql", "postgresql://a:b@h"), ("postgresql", "postgresql://a:b@h:99999/x"),
        ("postgresql", "postgresql://a:b@169.254.169.254/x"), ("mysql", "mysql://a@h/x?init=1"),
        ("mysql", "mysql://a@h/x?sslmode=maybe"), ("sqlite", "data/x.db"), ("sqlite", "/x\0y.db"),
        ("mysql", "mysql://a@2852039166/x"),
    ],
)  # fmt: skip
def test_wrong_addresses(kind: Any, url: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(kind, url)
    assert raised.value.param == "url"


def _allows(settings: Settings, kind: Any, url: str) -> bool:
    try:
        check_allowed(parse(kind, url), settings)
    except Forbidden:
        return False
    return True


def test_which_may_be_entered(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    local = Settings(data=data)
    public = Settings(data=data, server=ServerSettings(host="0.0.0.0"))
    listed = Settings(
        data=data, tables=TableSettings(databases=("postgresql://db.example.org", "/srv/data"))
    )
    assert _allows(local, "sqlite", "/srv/x.db")
    assert _allows(local, "mysql", "mysql://a@localhost/x")
    assert not _allows(local, "sqlite", f"{data}/tramontane.db")
    assert not _allows(local, "sqlite", f"{data}/../data/tramontane.db")
    assert not _allows(local, "postgresql", "postgresql://a@db.example.org/x")
    assert not _allows(public, "sqlite", "/srv/x.db")
    assert not _allows(public, "mysql", "mysql://a@localhost/x")
    assert _allows(listed, "postgresql", "postgresql://a@db.example.org:5432/x")
    assert not _allows(listed, "mysql", "mysql://a@db.example.org:5432/x")
    assert _allows(listed, "sqlite", "/srv/data/x.db")
    assert not _allows(listed, "sqlite", "/srv/data/../other.db")
    assert not _allows(listed, "mysql", "mysql://a@localhost/x")
