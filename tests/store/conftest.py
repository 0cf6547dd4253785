"""A migrated store of its own for each test that asks for one: SQLite, and in `make check-slow`
PostgreSQL as well.
"""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pg8000.dbapi
import pytest

from tests.store.databases import KINDS
from tests.tables.servers import PASSWORD, postgres
from tramontane.store.database import Store, migrate, open_store


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """A maker of empty, migrated stores in one PostgreSQL server; it returns their addresses."""
    numbers = itertools.count()
    with postgres() as port:
        base = f"postgresql+pg8000://analyst:{quote(PASSWORD, safe='')}@127.0.0.1:{port}"
        migrate(f"{base}/shop")
        server = pg8000.dbapi.connect("analyst", "127.0.0.1", "postgres", port, PASSWORD)
        server.autocommit = True  # a database is made outside a transaction

        def make() -> str:
            name = f"store_{next(numbers)}"
            server.cursor().execute(f"CREATE DATABASE {name} TEMPLATE shop")
            return f"{base}/{name}"

        yield make
        server.close()


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, empty_store_file: Path, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_database")
        return make()
    path = tmp_path / "tramontane.db"
    shutil.copy(empty_store_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def new_store(
    empty_store_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Store]]:
    """A maker of empty stores, for tests that need a fresh one per example."""
    opened: list[Store] = []

    def make() -> Store:
        path = tmp_path_factory.mktemp("store") / "tramontane.db"
        shutil.copy(empty_store_file, path)
        opened.append(open_store(f"sqlite:///{path}"))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
