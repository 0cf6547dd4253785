"""Reading at a connection, in the child: SQLite, PostgreSQL, MySQL and MariaDB, never writing.

Each session is read-only by the server's own means and has its own deadline there, besides the
parent's. The drivers are pure Python. It does not know what may be asked.
"""

import contextlib
import datetime as dt
import re
import socket
import sqlite3
import ssl
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from tramontane.config import is_link_local
from tramontane.tables import sqlite_functions
from tramontane.tables.address import Address
from tramontane.tables.profile import plain

CONNECT_TIMEOUT_S = 8.0
_is_day = re.compile(r"\d{4}-\d\d-\d\d").fullmatch
_is_moment = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?").fullmatch


class RemoteError(Exception):
    """The database is not reached (`is_connection`), or refuses the SQL; the message is its own."""

    def __init__(self, message: str, *, is_connection: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_connection = is_connection


class Session(Protocol):
    """One read-only session."""

    def run(self, sql: str) -> tuple[list[str], Callable[[int], Sequence[Sequence[Any]]]]:
        """Return the names of the columns, and what fetches so many rows. Raises RemoteError."""
        ...

    def close(self) -> None:
        """End it."""
        ...


def opened(address: Address, timeout_s: float) -> Session:
    """Return a session. Raises RemoteError."""
    if address.kind == "sqlite":
        return _Sqlite(address)
    if address.kind == "postgresql":
        return _Postgres(address, timeout_s)
    return _Mysql(address, timeout_s)


class _Sqlite:
    def __init__(self, address: Address) -> None:
        path = address.path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        try:
            self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)
            self._connection.execute("PRAGMA query_only = ON")
            self._connection.execute("PRAGMA trusted_schema = OFF")
            self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            raise RemoteError(f"The file cannot be read: {error}", is_connection=True) from None
        self._connection.text_factory = lambda found: found.decode("utf-8", "replace")
        sqlite_functions.add(self._connection)
        self._connection.set_authorizer(_may)

    def close(self) -> None:
        self._connection.close()

    def run(self, sql: str) -> tuple[list[str], Callable[[int], Sequence[Sequence[Any]]]]:
        try:
            found = self._connection.execute(sql)
        except sqlite3.Error as error:
            raise RemoteError(str(error)) from None

        def fetch(count: int) -> Sequence[Sequence[Any]]:
            try:
                return found.fetchmany(count)
            except sqlite3.Error as error:
                raise RemoteError(str(error)) from None

        return [column[0] for column in found.description or ()], fetch


_READS = frozenset(
    (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
)


def _may(action: int, *_: Any) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


class _Postgres:
    def __init__(self, address: Address, timeout_s: float) -> None:
        import pg8000.dbapi
        import pg8000.exceptions

        self._errors = (pg8000.exceptions.DatabaseError, pg8000.exceptions.InterfaceError)
        try:
            self._connection = pg8000.dbapi.connect(
                address.user,
                host=address.host,
                port=address.port,
                database=address.database,
                password=address.password,
                ssl_context=_context(address) or False,
                sock=_socket(address, timeout_s),
                application_name="tramontane",
            )
            cursor = self._connection.cursor()
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            cursor.execute(f"SET statement_timeout = {round(timeout_s * 1000)}")
            cursor.execute("SET idle_in_transaction_session_timeout = 60000")
            cursor.execute("SET TIME ZONE 'UTC'")
            self._connection.commit()
        except (*self._errors, OSError, ssl.SSLError) as error:
            raise RemoteError(_told(error), is_connection=True) from None

    def close(self) -> None:
        self._connection.close()

    def run(self, sql: str) -> tuple[list[str], Callable[[int], Sequence[Sequence[Any]]]]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql)
        except self._errors as error:
            with contextlib.suppress(*self._errors):
                self._connection.rollback()
            raise RemoteError(_told(error)) from None
        names = [str(column[0]) for column in cursor.description or ()]

        def fetch(count: int) -> Sequence[Sequence[Any]]:
            found: Sequence[Sequence[Any]] = cursor.fetchmany(count)
            return found

        return names, fetch


class _Mysql:
    def __init__(self, address: Address, timeout_s: float) -> None:
        import pymysql

        self._error = pymysql.err.MySQLError
        try:
            self._connection = pymysql.connections.Connection(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password.encode(),  # as text it would be taken for Latin-1
                database=address.database,
                charset="utf8mb4",
                ssl=_context(address),
                ssl_disabled=address.tls == "disable",
                read_timeout=timeout_s,
                write_timeout=timeout_s,
                local_infile=False,
                defer_connect=True,
            )
            self._connection.connect(_socket(address, timeout_s))
            with self._connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                self._limit(cursor, timeout_s)
                cursor.execute("SET time_zone = '+00:00'")
                cursor.execute("START TRANSACTION READ ONLY")
        except (self._error, OSError, ssl.SSLError, RuntimeError) as error:
            raise RemoteError(_told(error), is_connection=True) from None

    def _limit(self, cursor: Any, timeout_s: float) -> None:
        """Set the server's own deadline, which MySQL and MariaDB call differently."""
        for setting in (
            f"max_statement_time = {timeout_s:g}",
            f"max_execution_time = {round(timeout_s * 1000)}",
        ):
            with contextlib.suppress(self._error):
                cursor.execute(f"SET SESSION {setting}")
                return

    def close(self) -> None:
        self._connection.close()

    def run(self, sql: str) -> tuple[list[str], Callable[[int], Sequence[Sequence[Any]]]]:
        import pymysql.cursors

        cursor = self._connection.cursor(pymysql.cursors.SSCursor)
        try:
            cursor.execute(sql)
        except self._error as error:
            raise RemoteError(_told(error)) from None

        def fetch(count: int) -> Sequence[Sequence[Any]]:
            try:
                found: Sequence[Sequence[Any]] = cursor.fetchmany(count)
            except self._error as error:
                raise RemoteError(_told(error)) from None
            return found

        return [str(column[0]) for column in cursor.description or ()], fetch


def _context(address: Address) -> ssl.SSLContext | None:
    if address.tls == "disable":
        return None
    context = ssl.create_default_context()
    if address.tls == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _socket(address: Address, timeout_s: float) -> socket.socket:
    """Return a socket to the host, whose name may not stand for a link-local address."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    if any(is_link_local(str(place[0])) for *_, place in found):
        raise OSError("the name leads to a link-local address")
    last: OSError = OSError("the name leads nowhere")
    for *_, place in found:
        try:
            made = socket.create_connection((str(place[0]), int(place[1])), CONNECT_TIMEOUT_S)
        except OSError as error:
            last = error
            continue
        made.settimeout(timeout_s + 2)
        return made
    raise last


def _told(error: Exception) -> str:
    """Return what a server said, in one line."""
    said: Any = error.args[0] if error.args else str(error)
    if isinstance(said, dict):  # PostgreSQL's fields
        said = said.get("M", "the server refused")
    elif isinstance(said, int) and len(error.args) > 1:  # MySQL's number, then its message
        said = error.args[1]
    elif isinstance(error, OSError) and error.strerror:
        said = error.strerror
    return " ".join(str(said).split())[:300]


def kinds(width: int, rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return what each column is, from its values."""
    return [
        _kind([row[column] for row in rows if row[column] is not None]) for column in range(width)
    ]


def _kind(values: Sequence[Any]) -> str:
    if not values:
        return "text"
    if all(isinstance(value, bool) for value in values):
        return "truth"
    if all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values
    ):
        return "number"
    if all(isinstance(value, dt.datetime) for value in values):
        return "moment"
    if all(isinstance(value, dt.date) and not isinstance(value, dt.datetime) for value in values):
        return "date"
    if all(isinstance(value, str) and _is_day(value) for value in values):
        return "date"
    if all(isinstance(value, str) and _is_moment(value) for value in values):
        return "moment"
    return "text"


def cell(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
    return plain(value)
