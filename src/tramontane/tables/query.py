"""Runs questions to tables: each in a fresh, limited, locked child that is killed at its deadline.

Children wait warm, with DuckDB loaded, and serve one question each, so that nothing of one is there
for the next. What they may read is opened before the question is, and nothing can be opened
afterwards (`query_child`). It does not know who asks.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from tramontane.errors import InvalidRequest, Overloaded, Unavailable
from tramontane.store.messages import ResultColumn
from tramontane.tables.confinement import environment
from tramontane.tables.target import Target

_WAITING_MOST = 64
_STARTS_MOST = 2
_CHILD = "tramontane.tables.query_child"
_CODES = {
    "failed": "query_failed",
    "memory": "query_too_large",
    "time": "query_timeout",
    "connection": "connection_failed",
}


class QueryTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table that may be asked as `name`: `inner` in the DuckDB file at `path`, or at a
    connection.
    """

    name: str
    path: str | None = None
    inner: str = ""
    connection: Target | None = None


class QueryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How far one question may go. `memory_bytes` is what DuckDB may use; the child's addresses are
    limited to that and `_OVERHEAD_BYTES`.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 1024**3
    rows: int = 1_000
    bytes: int = 4 * 1024**2


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a question gave. `row_count` is that of the whole result, of which `rows` are the first;
    where it could not be counted in time, as many as are known.

    Cells are JSON: numbers where a double holds them exactly, else text with all digits; dates and
    moments in ISO 8601.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int
    is_truncated: bool
    took_ms: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told, as one line of JSON. `count_sql` counts the rows where there are more
    than fit."""

    sql: str
    count_sql: str
    tables: tuple[QueryTable, ...]
    limits: QueryLimits


class Failed(msgspec.Struct, frozen=True, tag_field="type", tag="failed"):
    """What a child says where it could not answer; `kind` is a key of `_CODES`."""

    kind: str
    message: str


class Given(msgspec.Struct, frozen=True, tag_field="type", tag="given", kw_only=True):
    """What a child says otherwise: columns as (name, type)."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int
    is_truncated: bool


_REPLY: msgspec.json.Decoder[Failed | Given] = msgspec.json.Decoder(Failed | Given)


class QueryPool:
    """Children that wait for questions. `size` are kept warm once somebody asked, and as many
    questions run at once; others wait their turn.
    """

    def __init__(self, limits: QueryLimits | None = None, size: int = 2) -> None:
        self._limits = limits or QueryLimits()
        self._size = size
        self._standby: deque[_Child] = deque()
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_closed = False
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="query")
        self._folders: list[str] = []  # one, made for the first child
        # Whoever forgets to close a pool leaves no processes all the same.
        self._end = weakref.finalize(self, _end, self._standby, self._folders)

    @property
    def limits(self) -> QueryLimits:
        """The limits of a question that brings none."""
        return self._limits

    async def run(
        self,
        sql: str,
        tables: Sequence[QueryTable],
        limits: QueryLimits | None = None,
    ) -> Answer:
        """Return what `sql` gives over these tables, whose names differ.

        Raises InvalidRequest: `sql_refused`, `query_failed`, `query_timeout`, `query_too_large`,
        `connection_failed`; Overloaded where too many wait. Cancelled, the child is killed.
        """
        job = self._job(sql, tables, limits or self._limits)
        with self._lock:
            if self._waiting >= _WAITING_MOST:
                raise Overloaded("Too many questions to tables wait already.", retry_after_s=5)
            self._waiting += 1
        cut = threading.Event()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._answer, job, cut)
        except asyncio.CancelledError:
            cut.set()
            raise
        finally:
            with self._lock:
                self._waiting -= 1

    def warm(self) -> None:
        """Have children wait, since a question is likely to come soon. Returns at once."""
        with self._lock:
            if self._is_closed:
                return
            for _ in range(len(self._standby)):
                child = self._standby.popleft()
                if child.is_alive:
                    self._standby.append(child)
                else:
                    child.end()
            while len(self._standby) < self._size:
                self._standby.append(self._child())

    def close(self) -> None:
        """End every child."""
        with self._lock:
            self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._end()

    def _job(self, sql: str, tables: Sequence[QueryTable], limits: QueryLimits) -> Job:
        # Imported here: where no table is ever asked, sqlglot's 16 MB are not loaded.
        from tramontane.tables.translating import translated
        from tramontane.tables.validate import refused, used_names, validate

        names = [table.name for table in tables]
        if len({name.lower() for name in names}) != len(names):
            raise refused("two of the tables have the same name")
        wanted = used_names(sql, names)
        used = [table for table in tables if table.name.lower() in wanted]
        targets = {table.name: table.connection for table in used if table.connection is not None}
        if not targets:
            limited, whole = validate(sql, names, limits.rows), validate(sql, names)
        elif len(targets) < len(used) or len({each.url for each in targets.values()}) > 1:
            raise refused("these tables are in different databases; ask each on its own")
        else:
            limited = translated(sql, targets, limits.rows)
            whole = translated(sql, targets, None)
        return Job(
            sql=limited,
            count_sql=f"SELECT count(*) FROM ({whole}) AS answer",
            tables=tuple(used),
            limits=limits,
        )

    def _answer(self, job: Job, cut: threading.Event) -> Answer:
        if cut.is_set():
            raise InvalidRequest("Nobody waits for this any more.", code="query_failed")
        began_s = time.monotonic()
        remote = next((each.connection for each in job.tables if each.connection), None)
        child = self._taken("files" if remote is None else remote.kind)
        try:
            reply = child.ask(job, cut)
        finally:
            child.end()
            if remote is None:
                self.warm()
        if isinstance(reply, Failed):
            code = _CODES.get(reply.kind, "query_failed")
            raise InvalidRequest(reply.message, code=code, param="sql")
        return Answer(
            columns=tuple(ResultColumn(name, kind) for name, kind in reply.columns),
            rows=reply.rows,
            row_count=reply.row_count,
            is_truncated=reply.is_truncated,
            took_ms=round((time.monotonic() - began_s) * 1000),
        )

    def _child(self, kind: str = "files") -> "_Child":
        if not self._folders:
            self._folders.append(tempfile.mkdtemp(prefix="tramontane-query-"))
        return _Child(self._folders[0], kind)

    def _taken(self, kind: str) -> "_Child":
        """Return a child that is ready, a fresh one where none waits; none does for connections."""
        for _ in range(self._size + _STARTS_MOST):
            with self._lock:
                if self._is_closed:
                    raise Unavailable("The platform is stopping.")
                has_one = kind == "files" and self._standby
                child = self._standby.popleft() if has_one else self._child(kind)
            if child.is_ready():
                return child
            child.end()
        raise Unavailable("No process for questions to tables can be started; see the log.")


def _end(standby: "deque[_Child]", folders: list[str]) -> None:
    while standby:
        standby.popleft().end()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


class _Child:
    """One process; it is told one job, says one line, and ends. `kind`: what it reads, "files" or
    that of a connection.
    """

    def __init__(self, folder: str, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", _CHILD, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment(os.environ, folder),
            start_new_session=True,
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def is_ready(self) -> bool:
        """Wait until it has said so; False where it ended instead, as it does when long unused."""
        return _of(self._process.stdout).readline() == b"ready\n" and self.is_alive

    def ask(self, job: Job, cut: threading.Event) -> Failed | Given:
        ended = threading.Event()
        is_late = threading.Event()

        def watch() -> None:
            deadline_s = time.monotonic() + job.limits.timeout_s
            while not ended.wait(0.05):
                if cut.is_set() or time.monotonic() > deadline_s:
                    is_late.set()
                    self._process.kill()
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            said = self._exchange(job)
        finally:
            ended.set()
            watcher.join()
        if is_late.is_set():
            return Failed("time", _too_long(job.limits.timeout_s))
        try:
            return _REPLY.decode(said)
        except msgspec.DecodeError:
            return Failed("memory", _TOO_LARGE)

    def _exchange(self, job: Job) -> bytes:
        most = job.limits.bytes * 2 + 65_536
        try:
            entry = _of(self._process.stdin)
            entry.write(msgspec.json.encode(job) + b"\n")
            entry.flush()
            return _of(self._process.stdout).read(most)
        except OSError:
            return b""  # it died of the job

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was still to be written has nobody to read it
                _of(pipe).close()
        self._process.wait()


def _of(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


_TOO_LARGE = (
    "This question needs more memory than one may use; ask for fewer rows or groups, or filter"
    " first."
)


def _too_long(timeout_s: float) -> str:
    return f"This question took longer than {timeout_s:g} s and was stopped; filter first."


def data_path(folder: Path, document_id: str) -> Path:
    """Return the file with the tables of a document, in the platform's folder of tables."""
    return folder / f"{document_id}.duckdb"
