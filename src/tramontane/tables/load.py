"""Loads what people bring into one DuckDB file per document: tables that can be asked by SQL.

The reading itself happens in a child (`loading`) with limits on memory, processor, disk and time;
this side starts it, waits, and puts the finished file in its place. It does not know whose it is.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.tables.confinement import environment
from tramontane.tables.profile import ColumnProfile, Note

KINDS = frozenset({"csv", "tsv", "xlsx", "ods", "parquet", "json", "sqlite"})
_CHILD = "tramontane.tables.loading"
_CHECK_S = 0.25
_REPLY_BYTES_MAX = 64 * 1024**2
_CODES = {
    "empty": "table_empty",
    "wide": "table_too_wide",
    "large": "table_too_large",
    "unreadable": "table_unreadable",
    "time": "table_timeout",
}


class LoadLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How far the loading of one file may go: seconds, memory of the child, bytes on the disk
    while and after it loads, columns of a table, tables of a file.
    """

    timeout_s: float = 1_200.0
    memory_bytes: int = 1024**3
    disk_bytes: int = 20 * 1024**3
    columns: int = 1_000
    tables: int = 50


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A table that was loaded: `name` is what SQL calls it, in the file too."""

    name: str
    title: str
    row_count: int
    columns: tuple[ColumnProfile, ...]
    notes: tuple[Note, ...] = ()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is told, as one line of JSON."""

    path: str
    kind: str
    name: str
    folder: str
    limits: LoadLimits


class Failed(msgspec.Struct, frozen=True, tag_field="type", tag="failed"):
    """What the child says where nothing was loaded; `kind` is a key of `_CODES`."""

    kind: str
    message: str


class Made(msgspec.Struct, frozen=True, tag_field="type", tag="made"):
    """What the child says when its file is finished."""

    tables: tuple[Loaded, ...]


def load(
    path: Path,
    kind: str,
    name: str,
    target: Path,
    limits: LoadLimits | None = None,
    check: Callable[[], None] = lambda: None,
) -> list[Loaded]:
    """Return the tables of the file at `path`, which are in the DuckDB file `target` from now on.

    `kind` is one of `KINDS`, `name` the file's own. What is temporary stands beside `target` and is
    removed; where loading fails, `target` is as it was. `check` is called a few times a second, and
    what it raises ends the child. Raises InvalidRequest: `table_empty`, `table_too_wide`,
    `table_too_large`, `table_unreadable`, `table_timeout`.
    """
    limits = limits or LoadLimits()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".loading-", dir=target.parent) as folder:
        job = Job(path=str(path.resolve()), kind=kind, name=name, folder=folder, limits=limits)
        reply = _asked(job, folder, check)
        if isinstance(reply, Failed):
            code = _CODES.get(reply.kind, "table_unreadable")
            raise InvalidRequest(reply.message, code=code)
        made = Path(folder) / "tables.duckdb"
        made.chmod(0o600)
        os.replace(made, target)
    return list(reply.tables)


def _asked(job: Job, folder: str, check: Callable[[], None]) -> Failed | Made:
    free = shutil.disk_usage(folder).free
    needed = min(os.path.getsize(job.path) * 2, job.limits.disk_bytes)
    if free < needed:
        return Failed("large", "There is not enough room on the disk to load this table.")
    began_s = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment(os.environ, folder),
        start_new_session=True,
    ) as child:
        try:
            said = _said(child, job, check)
        except subprocess.TimeoutExpired:
            return _late(job)
        finally:
            if child.poll() is None:
                child.kill()
    try:
        if len(said) > _REPLY_BYTES_MAX:
            raise ValueError
        return msgspec.json.decode(said, type=Failed | Made)
    except ValueError:  # ended by a limit in the middle of it, which may be the processor's
        if time.monotonic() - began_s > job.limits.timeout_s:
            return _late(job)
        return Failed("large", "This table needs more memory than loading may use; split it.")


def _late(job: Job) -> Failed:
    return Failed("time", f"Loading took longer than {job.limits.timeout_s:g} s.")


def _said(child: "subprocess.Popen[bytes]", job: Job, check: Callable[[], None]) -> bytes:
    """Return what the child said. Raises TimeoutExpired, and what `check` raises."""
    until_s = time.monotonic() + job.limits.timeout_s
    sent: bytes | None = msgspec.json.encode(job) + b"\n"
    while True:
        try:
            return child.communicate(sent, timeout=_CHECK_S)[0]
        except subprocess.TimeoutExpired:
            sent = None
            check()
            if time.monotonic() > until_s:
                raise
