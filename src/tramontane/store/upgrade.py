"""Runs the migrations: in one transaction on a server, on a copy of a SQLite file.

Imported by `database.migrate` alone, for Alembic is slow to import.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from tramontane.errors import ConfigError, Conflict, Unavailable
from tramontane.store import migrations

_ADVISORY_LOCK = 0x7472616D  # one upgrade at a time on a server


def server(engine: Engine) -> None:
    """Upgrade the store behind `engine` in one transaction. Raises ConfigError."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _ADVISORY_LOCK})
        _run(connection)
    engine.dispose()


def file(path: Path, open_engine: Callable[[str], Engine]) -> None:
    """Upgrade a copy of the SQLite file `path`, then put it in its place.

    A killed upgrade leaves the store as it was; the next one begins anew. The store before a
    change of schema stays beside it as NAME.before-upgrade. Raises Conflict, ConfigError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _replace(path, path.with_name(path.name + ".upgrading"), open_engine)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            f"{path} cannot be upgraded: {error}", code="store_unavailable"
        ) from error


def _replace(path: Path, copy: Path, open_engine: Callable[[str], Engine]) -> None:
    _discard(copy)
    if path.exists():
        _fold(path)
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
    _fold(copy)
    if path.exists():
        _keep(path, path.with_name(path.name + ".before-upgrade"))
    os.replace(copy, path)
    _sync(path.parent)


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
    connection = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        raise Conflict(
            f"{path} is in use and needs an upgrade: stop the running platform first ({error})"
        ) from error
    finally:
        connection.close()


def _copy(source: Path, target: Path) -> None:
    old, new = sqlite3.connect(source), sqlite3.connect(target)
    try:
        os.chmod(target, source.stat().st_mode & 0o777)
        old.backup(new)
    finally:
        old.close()
        new.close()


def _keep(path: Path, before: Path) -> None:
    before.unlink(missing_ok=True)
    os.link(path, before)


def _discard(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
