"""Upgrades of stores as former releases left them: nothing is lost, however one ends."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store import golden
from tramontane.errors import Unavailable
from tramontane.store import keys, members, projects, schema
from tramontane.store.database import migrate, open_store
from tramontane.store.opening import picture

REVISIONS = sorted(path.stem for path in golden.FOLDER.glob("*.sql"))
Rows = dict[str, list[dict[str, Any]]]


def rows(path: Path) -> Rows:
    """Return every row of every table, without what Alembic and the index of words keep."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != "alembic_version"
            and not name.startswith(("messages_words", "passages_words"))
        ]
        return {
            name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]
            for name in names
        }
    finally:
        connection.close()


def version(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()


def keeps(before: Rows, after: Rows) -> bool:
    """Whether each row of `before` is in `after`, whatever columns it has besides."""
    return all(
        [{name: row[name] for name in old} for row, old in zip(after[table], of, strict=True)] == of
        for table, of in before.items()
        if of
    )


@pytest.fixture(params=REVISIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store as of each former revision."""
    path = tmp_path / "tramontane.db"
    golden.restore(request.param, path)
    return path


def test_there_is_a_store_of_every_revision_but_this_one() -> None:
    assert REVISIONS == [f"{n:04d}" for n in range(1, int(schema.HEAD))]


def test_the_first_migrations_still_make_what_they_made(old: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.db"
    golden.migrated(made, version(old))

    def tables(path: Path) -> list[Any]:
        connection = sqlite3.connect(path)
        try:
            found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
            return found.fetchall()
        finally:
            connection.close()

    assert tables(made) == tables(old)


def test_an_upgrade_keeps_every_row(old: Path) -> None:
    before = rows(old)
    assert sum(len(of) for of in before.values()) > 50
    url = f"sqlite:///{old}"
    migrate(url)
    assert version(old) == schema.HEAD
    after = rows(old)
    assert keeps(before, after)
    connection = sqlite3.connect(old)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    store = open_store(url)
    shown = picture(store)  # every record is read as it is now
    assert [project.name for project in shown.projects] == ["closed-one", "default"]
    assert [deployment.name for deployment in shown.deployments] == ["old"]
    with store.write() as c:
        key = keys.list_all(c)[0]
        assert key.member_id is None
        assert projects.get(c, "default").id == key.project_id
        members.create(c, email="ada@example.org", name="Ada", password_hash=None, now_ms=1)
    store.close()
    then = rows(old)
    migrate(url)  # a second time changes nothing
    assert rows(old) == then


def test_a_failing_upgrade_is_rolled_back(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("CREATE TABLE votes (in_the_way TEXT)")  # among the last to be made
    connection.execute("INSERT INTO votes VALUES ('kept')")
    connection.commit()
    connection.close()
    before, revision = rows(old), version(old)
    with pytest.raises(Unavailable, match="votes already exists"):
        migrate(f"sqlite:///{old}")
    assert rows(old) == before
    assert version(old) == revision
    connection = sqlite3.connect(old)
    connection.execute("DROP TABLE votes")
    connection.close()
    migrate(f"sqlite:///{old}")
    assert version(old) == schema.HEAD


KILLED = """
    import os, signal, sys
    import alembic.command
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from tramontane.store import upgrade
    from tramontane.store.database import migrate

    left = 0

    def step(*_):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    copy = upgrade._copy

    def copied(source, target):
        step()
        copy(source, target)
        step()

    upgrade._copy = copied
    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    for line in sys.stdin:
        at, url = line.split(maxsplit=1)
        left = int(at)
        if (child := os.fork()) == 0:
            status = 1
            try:
                migrate(url.strip())
                status = 0
            finally:
                os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def upgrader() -> Iterator[subprocess.Popen[str]]:
    """A process that has loaded what an upgrade needs, and forks for each that is to be killed."""
    command = [sys.executable, "-c", textwrap.dedent(KILLED)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def killed_at(path: Path, step: int, upgrader: subprocess.Popen[str]) -> int:
    """Upgrade in a process that is killed at that step; return its status."""
    assert upgrader.stdin is not None and upgrader.stdout is not None
    print(step, f"sqlite:///{path}", file=upgrader.stdin, flush=True)
    return int(upgrader.stdout.readline())


@pytest.mark.parametrize(
    "steps",
    [(1, 2, 4, 15, 63), pytest.param(range(1, 200), marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_an_upgrade_that_was_killed_begins_anew(
    old: Path, upgrader: subprocess.Popen[str], steps: range | tuple[int, ...]
) -> None:
    before, revision = rows(old), version(old)
    whole = old.read_bytes()
    killed = 0
    for step in steps:
        old.write_bytes(whole)
        for leftover in old.parent.glob("tramontane.db-*"):
            leftover.unlink()
        status = killed_at(old, step, upgrader)
        if status == 0:
            break  # there are no more steps
        assert status == -signal.SIGKILL
        killed += 1
        assert version(old) in (revision, schema.HEAD)
        assert keeps(before, rows(old))
        migrate(f"sqlite:///{old}")
        assert version(old) == schema.HEAD
        assert keeps(before, rows(old))
        assert not old.with_name("tramontane.db.upgrading").exists()
    assert killed >= 4
