"""The loading child: limits on itself, then one job from stdin, then one reply on stdout."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tramontane.tables.confinement import confine
from tramontane.tables.load import Failed, Job, Loaded, Made
from tramontane.tables.loading import delimited, records, sheets
from tramontane.tables.loading.making import Maker
from tramontane.tables.loading.sheet import Sheet, Unloadable
from tramontane.tables.profile import Note

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OVERHEAD_BYTES = 3 * 1024**3  # of addresses


def main() -> int:
    """Serve one job; return the exit status."""
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    confine(
        memory_bytes=job.limits.memory_bytes + _OVERHEAD_BYTES,
        processor_s=round(job.limits.timeout_s * 2),
        file_bytes=job.limits.disk_bytes,
    )
    reply = reply_to(job)
    sys.stdout.buffer.write(msgspec.json.encode(reply))
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing is left to be done


def reply_to(job: Job) -> Failed | Made:
    """Return what is said to a job; the tables are in its folder. It limits nothing."""
    import duckdb

    try:
        return Made(tuple(_made(job)))
    except Unloadable as error:
        return Failed(error.kind, error.message)
    except (MemoryError, duckdb.OutOfMemoryException):
        return Failed("large", "This table needs more memory than loading may use; split it.")
    except OSError as error:
        return Failed("large", f"There is no room to load this table: {error.strerror}.")
    except duckdb.Error as error:
        told = str(error).partition("\n")[0][:300]
        return Failed("unreadable", f"This table cannot be read: {told}")


def _made(job: Job) -> list[Loaded]:
    folder = Path(job.folder)
    connection = _database(folder, job)
    maker = Maker(connection, folder)
    made: list[Loaded] = []
    loose: list[Note] = []
    for sheet in _sheets(connection, job, folder):
        if isinstance(sheet, Note):
            loose.append(sheet)
            continue
        try:
            made.append(maker.add(sheet))
        except Unloadable as error:
            if error.kind != "empty":
                raise
            loose.append(Note("sheet_empty", f"{sheet.title!r}: {error.message}"))
    if not made:
        raise Unloadable("empty", loose[0].message if loose else "There is no table in this file.")
    connection.execute("DETACH made")
    connection.close()
    made[0] = msgspec.structs.replace(made[0], notes=(*made[0].notes, *loose))
    return made


def _database(folder: Path, job: Job) -> "DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect(":memory:")
    for setting in (
        f"memory_limit = '{job.limits.memory_bytes * 3 // 4}B'",
        f"temp_directory = '{folder}/spill'",
        f"max_temp_directory_size = '{job.limits.disk_bytes}B'",
        "threads = 2",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "TimeZone = 'UTC'",
    ):
        connection.execute(f"SET {setting}")
    connection.execute(f"ATTACH '{folder}/tables.duckdb' AS made")
    connection.execute(f"ATTACH '{folder}/staged.duckdb' AS staged")
    return connection


def _sheets(connection: "DuckDBPyConnection", job: Job, folder: Path) -> Iterator[Sheet | Note]:
    path, limits = Path(job.path), job.limits
    if not path.stat().st_size:
        raise Unloadable("empty", "This file is empty: there is no table in it.")
    if job.kind in ("csv", "tsv"):
        yield delimited.read(path, job.kind, job.name, folder, limits.columns)
    elif job.kind in ("xlsx", "ods"):
        yield from sheets.read(path, job.name, folder, limits.columns, limits.tables)
    elif job.kind == "parquet":
        yield records.parquet(connection, path, job.name, limits.columns)
    elif job.kind == "json":
        yield records.json(connection, path, job.name, limits.columns)
    elif job.kind == "sqlite":
        yield from records.sqlite(path, folder, limits.columns, limits.tables)
    else:
        raise Unloadable("unreadable", f"There are no tables to be had of {job.kind!r}.")


if __name__ == "__main__":
    sys.exit(main())
