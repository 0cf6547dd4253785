"""Loading and asking for tests of tables."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest

from tramontane.errors import InvalidRequest
from tramontane.tables.load import Failed, Loaded, LoadLimits, load
from tramontane.tables.load import Job as LoadJob
from tramontane.tables.loading.__main__ import reply_to
from tramontane.tables.query import Given, Job, QueryLimits, QueryPool, QueryTable
from tramontane.tables.query_child import _SETTINGS, answer
from tramontane.tables.validate import validate

LIMITS = LoadLimits(timeout_s=120.0)

Load = Callable[..., list[Loaded]]
Ask = Callable[..., Given]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where tables are made."""
    return tmp_path / "tables" / "doc_1.duckdb"


@pytest.fixture
def loading(tmp_path: Path, target: Path) -> Load:
    """Load bytes as a file of that name, in a child."""

    def run(content: bytes | str, name: str = "data.csv", kind: str = "") -> list[Loaded]:
        return load(_file(tmp_path, content), kind or name.rpartition(".")[2], name, target, LIMITS)

    return run


@pytest.fixture
def reading(tmp_path: Path, target: Path) -> Load:
    """Load bytes as what the child does, without one: starting it takes longer than its work."""

    def run(content: bytes | str, name: str = "data.csv", kind: str = "") -> list[Loaded]:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            job = LoadJob(
                path=str(_file(tmp_path, content)),
                kind=kind or name.rpartition(".")[2],
                name=name,
                folder=folder,
                limits=LIMITS,
            )
            reply = reply_to(job)
            if isinstance(reply, Failed):
                raise InvalidRequest(reply.message, code=reply.kind)
            target.parent.mkdir(exist_ok=True)
            (Path(folder) / "tables.duckdb").replace(target)
        return list(reply.tables)

    return run


def _file(folder: Path, content: bytes | str) -> Path:
    path = folder / "incoming"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture(scope="session")
def pool() -> Iterator[QueryPool]:
    """Children that wait for questions."""
    made = QueryPool(QueryLimits(timeout_s=20.0))
    yield made
    made.close()


@pytest.fixture
def ask(target: Path) -> Ask:
    """Run SQL over tables of what was loaded, by their names; in this process, as a child does."""

    def run(sql: str, *names: str) -> Given:
        tables = [
            QueryTable(name=name, path=str(target), inner=name) for name in names or ("data",)
        ]
        limits = QueryLimits()
        asked = validate(sql, [table.name for table in tables], limits.rows)
        job = Job(sql=asked, count_sql="SELECT 0", tables=tuple(tables), limits=limits)
        with duckdb.connect(":memory:", config=dict(_SETTINGS)) as connection:
            return msgspec.convert(answer(connection, msgspec.to_builtins(job)), Given)

    return run
