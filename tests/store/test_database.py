"""Opening, writing and upgrading, with real files and real processes."""

import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.store.databases import on_sqlite
from tramontane.config import LimitDefaults
from tramontane.errors import ConfigError, Conflict, Unavailable
from tramontane.store import migrations, projects, schema
from tramontane.store.database import Store, migrate, open_store, sqlite_path


def child(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def _is_not_of_the_words(name: str | None, _kind: str, _parents: object) -> bool:
    """SQLite keeps its index of words in tables, PostgreSQL in an index of an expression."""
    return not (name or "").startswith(("messages_words", "passages_words"))


def test_migrations_and_schema_agree(store: Store) -> None:
    with store.read() as c:
        options = {"include_name": _is_not_of_the_words}
        assert compare_metadata(MigrationContext.configure(c, opts=options), schema.metadata) == []
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_current_head() == schema.HEAD


@on_sqlite
def test_using_the_store_does_not_import_alembic(store_url: str) -> None:
    script = """
        import sys
        from tramontane.store import budgets, deployments, engines, keys, models, projects, usage
        from tramontane.store.database import migrate, open_store
        migrate(sys.argv[1])
        open_store(sys.argv[1]).close()
        print("alembic" in sys.modules)
    """
    assert finished(child(script, store_url)) == "False\n"


@on_sqlite
def test_sqlite_is_durable_and_checks_foreign_keys(store: Store) -> None:
    with store.read() as c:
        pragma = {
            name: c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_an_exception_undoes_the_whole_write(store: Store) -> None:
    before = store.revision()
    with pytest.raises(RuntimeError), store.write() as c:
        projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        raise RuntimeError
    with store.read() as c:
        assert projects.list_all(c) == []
    assert store.revision() == before


def test_an_open_read_sees_one_state(store: Store) -> None:
    with store.read() as reader:
        assert projects.list_all(reader) == []
        with store.write() as c:
            projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        assert projects.list_all(reader) == []


def test_two_processes_write_without_losing_anything(store: Store, store_url: str) -> None:
    script = """
        import sys
        from tramontane.config import LimitDefaults
        from tramontane.store import projects
        from tramontane.store.database import open_store
        store = open_store(sys.argv[1])
        for i in range(40):
            with store.write() as c:
                seen = len(projects.list_all(c))  # reads first: a deferred BEGIN would fail here
                name = f"{sys.argv[2]}-{i}"
                projects.create(c, name=name, defaults=LimitDefaults(), now_ms=seen)
        store.close()
    """
    before = store.revision()
    for process in [child(script, store_url, name) for name in ("a", "b")]:
        finished(process)
    with store.read() as c:
        found = projects.list_all(c)
    assert len(found) == 80
    assert sorted(project.created_at_ms for project in found) == list(range(80))
    assert store.revision() == before + 80


@on_sqlite
def test_a_full_disk_is_an_error_that_says_so_and_loses_nothing(
    store: Store, store_url: str
) -> None:
    script = """
        import resource, sys
        from tramontane.config import LimitDefaults
        from tramontane.errors import Unavailable
        from tramontane.store import projects
        from tramontane.store.database import open_store
        store = open_store(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        kept = 0
        try:
            while True:
                with store.write() as c:
                    projects.create(c, name=f"p{kept}", defaults=LimitDefaults(), now_ms=1)
                kept += 1
        except Unavailable as error:
            print(kept, error.code)
    """
    kept, code = finished(child(script, store_url)).split()
    assert code == "store_unavailable"
    with store.write() as c:
        assert len(projects.list_all(c)) == int(kept) > 0
        projects.create(c, name="room-again", defaults=LimitDefaults(), now_ms=1)
        assert c.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_store_that_was_never_migrated_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="schema none"):
        open_store(f"sqlite:///{tmp_path / 'new.db'}")


def test_a_store_in_memory_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a file"):
        sqlite_path("sqlite://")


def test_several_processes_may_create_the_store_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'tramontane.db'}"
    script = """
        import sys
        from tramontane.store.database import migrate, open_store
        migrate(sys.argv[1])
        store = open_store(sys.argv[1])
        print(store.revision())
        store.close()
    """
    assert [finished(p) for p in [child(script, url) for _ in range(3)]] == ["1\n"] * 3


def outdated(path: Path) -> sqlite3.Connection:
    """A store from before the first revision that holds something, with its log not folded."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE heirloom (word TEXT)")
    connection.execute("INSERT INTO heirloom VALUES ('kept')")
    return connection


def test_an_upgrade_keeps_what_was_there_and_a_copy_from_before(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    outdated(path).close()
    path.with_name("old.db.upgrading").write_bytes(b"left by an upgrade that was killed")
    migrate(f"sqlite:///{path}")
    before = sqlite3.connect(path.with_name("old.db.before-upgrade"))
    after = sqlite3.connect(path)
    for connection in (before, after):
        assert connection.execute("SELECT word FROM heirloom").fetchall() == [("kept",)]
    assert after.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.HEAD,)]
    assert before.execute("SELECT name FROM sqlite_master").fetchall() == [("heirloom",)]
    before.close()
    after.close()
    assert not path.with_name("old.db.upgrading").exists()


def test_an_outdated_store_in_use_is_not_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    user = outdated(path)
    with pytest.raises(Conflict, match="stop the running platform"):
        migrate(f"sqlite:///{path}")
    assert user.execute("SELECT word FROM heirloom").fetchall() == [("kept",)]
    user.close()
    migrate(f"sqlite:///{path}")


def test_a_failed_upgrade_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = outdated(path)
    connection.execute("CREATE TABLE usage (in_the_way TEXT)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="usage already exists"):
        migrate(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    assert tables == [("heirloom",), ("usage",)]
    assert len(path.read_bytes()) == len(before)


@on_sqlite
def test_a_newer_store_is_refused_untouched(store_url: str) -> None:
    path = sqlite_path(store_url)
    assert path is not None
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ConfigError, match="newer"):
        migrate(store_url)
    with pytest.raises(ConfigError, match="9999"):
        open_store(store_url)
