"""Runs the migrations: in one transaction on a server, on a copy of a SQLite file.

Imported by `database.migrate` alone, for Alembic is slow to import.
"""

import fcntl
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from tramontane.errors import ConfigError, Conflict, Unavailable
from tramontane.store import migrations

_TRIES = 10
_TRY_S = 0.1


def server(engine: Engine, lock_id: int) -> None:
    """Upgrade the store behind `engine` in one transaction, which has the advisory lock `lock_id`
    that every writer takes. Raises ConfigError.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": lock_id})
        _run(connection)
    engine.dispose()


def file(
    path: Path, copy: str, open_engine: Callable[[str], Engine], is_current: Callable[[], bool]
) -> None:
    """Upgrade a copy of the SQLite file `path`, then write it back in one transaction.

    The copy is called `copy`, and is gone afterwards, also one that a killed upgrade left.

    A killed upgrade leaves the store as it was; the next one begins anew. The store before a
    change of schema stays beside it as NAME.before-upgrade. Raises Conflict, ConfigError,
    Unavailable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_current():  # another process may have been first
                _upgrade(path, path.with_name(copy), open_engine)
            _discard(path.with_name(copy))
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            f"{path} cannot be upgraded: {error}", code="store_unavailable"
        ) from error


def _upgrade(path: Path, copy: Path, open_engine: Callable[[str], Engine]) -> None:
    _discard(copy)
    if path.exists():
        _fold(path)
        _copy(path, path.with_name(path.name + ".before-upgrade"))
        _copy(path, copy)
    engine = open_engine(f"sqlite:///{copy}")
    try:
        with (
            engine.connect().execution_options(tramontane_writes=True) as connection,
            connection.begin(),
        ):
            _run(connection)
    finally:
        engine.dispose()
    _copy(copy, path)


def _run(connection: Connection) -> None:
    config = Config()
    location = str(Path(migrations.__file__).parent)
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            f"the store cannot be upgraded by this release ({error});"
            " it may be of a newer one: install that release again"
        ) from error


def _fold(path: Path) -> None:
    """Fold the write-ahead log into the file, which SQLite allows to its only user."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for left in reversed(range(_TRIES)):
            try:
                connection.execute("PRAGMA journal_mode = DELETE").fetchone()
                return
            except sqlite3.OperationalError as error:
                if not left:
                    raise Conflict(
                        f"{path} is in use and needs an upgrade ({error}): stop the running"
                        " platform first"
                    ) from error
                time.sleep(_TRY_S)  # it may be a command that ends at once
    finally:
        connection.close()


def _copy(source: Path, target: Path) -> None:
    """Make `target` hold what `source` does: wholly, or not at all."""
    old, new = sqlite3.connect(source), sqlite3.connect(target)
    try:
        old.backup(new)
    finally:
        old.close()
        new.close()


def _discard(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
