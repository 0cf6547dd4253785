"""Opens the store, hands out short transactions and brings the schema up to date.

It knows SQLite and PostgreSQL, and no kind of record: one module per kind has the queries.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tramontane.errors import ConfigError, Conflict, Unavailable
from tramontane.store import schema

BUSY_TIMEOUT_MS = 10_000
# PostgreSQL lets writers work side by side; what checks first and writes then would be wrong.
WRITING = 7821  # what PostgreSQL's advisory lock of writers is called
# Who holds it and falls silent is thrown out, or nobody could write again.
_LOCK = (
    f"SELECT set_config('lock_timeout', '{BUSY_TIMEOUT_MS}', true),"
    f" set_config('idle_in_transaction_session_timeout', '{6 * BUSY_TIMEOUT_MS}', true),"
    f" pg_advisory_xact_lock({WRITING})"
)
UPGRADING = ".upgrading"  # what the copy is called that an upgrade works on


class Store:
    """One database; safe to share between threads. Opened by `open_store`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection to read from, which sees one unchanging state. Raises Unavailable."""
        with _explained(), self._engine.connect() as connection:
            if connection.dialect.name != "sqlite":  # where it is always so
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection whose changes are kept together, or not at all on an exception.

        Keep it short: there is one writer at a time, and the lock is taken on entering, so what is
        read here is still so when it is written. Raises Conflict where another writer came first,
        Unavailable when the store cannot write.
        """
        with _explained(), self._engine.connect() as connection:
            connection = connection.execution_options(tramontane_writes=True)
            with connection.begin():
                if connection.dialect.name != "sqlite":
                    connection.exec_driver_sql(_LOCK)
                yield connection

    def revision(self) -> int:
        """Return the number that every change of configuration raises. Raises Unavailable."""
        with self.read() as connection:
            return int(connection.execute(select(schema.revision.c.value)).scalar_one())

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def bump_revision(c: Connection) -> None:
    """Tell the gateways, which poll `Store.revision`, that configuration changed."""
    c.execute(update(schema.revision).values(value=schema.revision.c.value + 1))


def open_store(url: str) -> Store:
    """Return the store at `url`. Raises ConfigError where `migrate` has not run, Unavailable."""
    engine = _engine(url)
    try:
        with _explained():
            version = _version(engine)
        if version != schema.HEAD:
            raise ConfigError(
                f"the store is at schema {version or 'none'}, this release needs {schema.HEAD};"
                " any tramontane command of this release brings it there"
            )
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


def migrate(url: str) -> None:
    """Bring the store at `url` to this release's schema, creating it where there is none.

    A SQLite store is upgraded as a copy, which takes its place only once whole. Raises Conflict
    while another process has an outdated SQLite store open, ConfigError for a newer store,
    Unavailable where the upgrade failed; the store is then as it was.
    """
    path = sqlite_path(url)
    # An upgrade that was killed at its very end has left its copy of everything behind.
    is_left = path is not None and path.with_name(path.name + UPGRADING).exists()
    if _is_current(url) and not is_left:
        return
    # Alembic takes most of a second to import: only who must upgrade pays for it.
    from tramontane.store import upgrade

    with _explained():
        if path is None:
            upgrade.server(_engine(url), WRITING)
        else:
            upgrade.file(path, path.name + UPGRADING, _engine, lambda: _is_current(url))


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite `url`, None for another database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError("store: a SQLite store needs a file, such as sqlite:////srv/t.db")
    return Path(parsed.database)


def _is_current(url: str) -> bool:
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return False  # looking would create it
    engine = _engine(url)
    try:
        with _explained():
            return _version(engine) == schema.HEAD
    finally:
        engine.dispose()


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not engine.dialect.has_table(connection, "alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version"))
        return found.scalar_one_or_none()


def _engine(url: str) -> Engine:
    # hide_parameters: an error message must not hold what was being written.
    if sqlite_path(url) is None:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 0})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: SQLiteConnection, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 begins nothing by itself: `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # A segment of the metering journal is deleted after its import committed, so a commit must
    # have reached the disk; on macOS only fullfsync does that.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA fullfsync = ON")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what people delete is overwritten
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer that began as a reader can fail with "locked" at once, whatever the busy timeout.
    writes = connection.get_execution_options().get("tramontane_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise Conflict(f"the store refused the change: {error.orig}") from error
    except (DBAPIError, PoolTimeout) as error:
        cause = error.orig if isinstance(error, DBAPIError) else "all connections are busy"
        raise Unavailable(
            f"the store cannot be used: {cause}", code="store_unavailable", retry_after_s=1
        ) from error
