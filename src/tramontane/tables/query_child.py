"""The child that runs one question: `python -m tramontane.tables.query_child`.

In this order: limits on the process, DuckDB, "ready", the job's line, the files opened read-only,
every door locked, the question. It holds no secret but a connection's, and lives for one job.
"""

import json
import os
import select
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tramontane.tables.confinement import confine, limit_memory
from tramontane.tables.profile import kind_of, plain, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OVERHEAD_BYTES = 3 * 1024**3  # of addresses, not of memory: DuckDB, Python, stacks
IDLE_S = 600
THREADS = 2
CELL_CHARACTERS_MAX = 20_000
_CHUNK_ROWS = 256
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "threads": str(THREADS),
    "temp_directory": "",
}
_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")
_SIMPLE = ("number", "date", "moment", "truth")


def main() -> int:
    """Serve one job; return the exit status."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "files"
    confine(
        memory_bytes=None,
        processor_s=600,
        file_bytes=0,
        with_network=kind in ("postgresql", "mysql"),
    )
    return _serve_files() if kind == "files" else _serve_remote()


def _serve_files() -> int:
    import duckdb

    connection = duckdb.connect(":memory:", config=dict(_SETTINGS))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SELECT sum(i) FROM range(10) t(i) GROUP BY i % 3 ORDER BY 1").fetchall()
    _say(b"ready\n")
    if not select.select([0], [], [], IDLE_S)[0]:
        return 0
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    job = json.loads(line)
    limit_memory(int(job["limits"]["memory_bytes"]) + OVERHEAD_BYTES)
    try:
        reply = answer(connection, job)
    except MemoryError:
        reply = failed("memory", "This question needs more memory than one may use; filter first.")
    _reply(reply)
    return 0


def _serve_remote() -> int:
    from tramontane.tables.remote import RemoteError

    _say(b"ready\n")
    job = json.loads(sys.stdin.buffer.readline())
    limit_memory(int(job["limits"]["memory_bytes"]) + OVERHEAD_BYTES)
    try:
        reply = _remote_answer(job)
    except RemoteError as error:
        kind = "connection" if error.is_connection else "failed"
        reply = failed(kind, f"The database says: {error.message}")
    _reply(reply)
    return 0


def _remote_answer(job: dict[str, Any]) -> dict[str, Any]:
    from tramontane.tables import remote
    from tramontane.tables.address import parse

    target, limits = job["tables"][0]["connection"], job["limits"]
    session = remote.opened(parse(target["kind"], target["url"]), float(limits["timeout_s"]))
    names, fetch = session.run(job["sql"])
    found = list(fetch(limits["rows"] + 1))
    kinds = remote.kinds(len(names), found)
    columns = list(zip(names, kinds, strict=True))
    chunks = iter([[[remote.cell(value) for value in row] for row in found], []])
    rows, is_cut = fetched(lambda _: next(chunks), limits["rows"], limits["bytes"])
    count = len(rows)
    if is_cut:
        _, fetch = session.run(job["count_sql"])
        count = int(fetch(2)[0][0])
    return _given(columns, rows, count, is_cut)


def _reply(reply: dict[str, Any]) -> None:
    _say(json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"))
    os._exit(0)  # nothing is left to be done, and threads may still be at it


def _say(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def failed(kind: str, message: str) -> dict[str, Any]:
    """Return what is said where there is no answer."""
    return {"type": "failed", "kind": kind, "message": message}


def answer(connection: "DuckDBPyConnection", job: dict[str, Any]) -> dict[str, Any]:
    """Return what is said to a job."""
    import duckdb

    try:
        _open(connection, job)
    except duckdb.Error:  # whose message names the file
        return failed("failed", "A table cannot be opened. Have its document read anew.")
    try:
        return _run(connection, job)
    except (duckdb.OutOfMemoryException, MemoryError):
        return failed(
            "memory",
            "This question needs more memory than one may use; ask for fewer rows or groups, or"
            " filter first.",
        )
    except duckdb.Error as error:
        return failed("failed", _told(error))


def _told(error: Exception) -> str:
    """Return DuckDB's message without the excerpt of the SQL, which was written anew."""
    kept = []
    for line in str(error).splitlines():
        if line.startswith("LINE ") or set(line.strip()) <= {"^"}:
            break
        kept.append(line.strip())
    return " ".join(part for part in kept if part)[:500]


def _open(connection: "DuckDBPyConnection", job: dict[str, Any]) -> None:
    memory = int(job["limits"]["memory_bytes"])
    connection.execute(f"SET memory_limit = '{memory}B'")
    opened: dict[str, str] = {}
    for table in job["tables"]:
        path = table["path"]
        if path not in opened:
            opened[path] = f"source_{len(opened)}"
            connection.execute(f"ATTACH {_text(path)} AS {opened[path]} (READ_ONLY)")
        source = f"{opened[path]}.main.{quoted(table['inner'])}"
        connection.execute(f"CREATE VIEW {quoted(table['name'])} AS SELECT * FROM {source}")
    for lock in _LOCKS:
        connection.execute(lock)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _run(connection: "DuckDBPyConnection", job: dict[str, Any]) -> dict[str, Any]:
    statements = connection.extract_statements(job["sql"])
    if len(statements) != 1 or statements[0].type.name != "SELECT":
        return failed("failed", "Only one SELECT is run.")
    columns, sql = _columns(connection, job["sql"])
    result = connection.execute(sql)
    limits = job["limits"]
    rows, is_cut = fetched(result.fetchmany, limits["rows"], limits["bytes"])
    count = len(rows)
    if is_cut:
        found = connection.execute(job["count_sql"]).fetchone()
        count = int(found[0]) if found else count
    return _given(columns, rows, count, is_cut)


def _given(
    columns: Sequence[tuple[str, str]], rows: list[list[Any]], count: int, is_cut: bool
) -> dict[str, Any]:
    return {
        "type": "given",
        "columns": columns,
        "rows": rows,
        "row_count": count,
        "is_truncated": is_cut,
    }


def _columns(connection: "DuckDBPyConnection", sql: str) -> tuple[list[tuple[str, str]], str]:
    """Return names and types of what `sql` gives, and the SQL that gives it in types that Python
    has: anything else, such as lists and moments with a zone, is written as text.
    """
    described = connection.execute(f"DESCRIBE {sql}").fetchall()
    names, types = [row[0] for row in described], [str(row[1]) for row in described]
    columns: list[tuple[str, str]] = [
        (name, kind_of(kind)) for name, kind in zip(names, types, strict=True)
    ]
    if all(kind == "VARCHAR" or _is_simple(kind) for kind in types):
        return columns, sql
    names = [f"c{number}" for number in range(len(types))]
    cells = [
        name if kind == "VARCHAR" or _is_simple(kind) else f"CAST({name} AS VARCHAR)"
        for name, kind in zip(names, types, strict=True)
    ]
    return columns, f"SELECT {', '.join(cells)} FROM ({sql}) AS answer({', '.join(names)})"


def _is_simple(kind: str) -> bool:
    return kind_of(kind) in _SIMPLE and "TIME ZONE" not in kind.upper()


def fetched(fetch: Any, rows_max: int, bytes_max: int) -> tuple[list[list[Any]], bool]:
    """Return the rows that fit, and whether there are more (or a cell was cut)."""
    rows: list[list[Any]] = []
    size = 0
    is_cut = False
    while chunk := fetch(_CHUNK_ROWS):
        for row in chunk:
            cells = [_cell(value) for value in row]
            is_cut = is_cut or any(_is_long(value) for value in row)
            size += sum(len(cell) + 8 if isinstance(cell, str) else 12 for cell in cells)
            if len(rows) >= rows_max or size > bytes_max:
                return rows, True
            rows.append(cells)
    return rows, is_cut


def _cell(value: Any) -> Any:
    if _is_long(value):
        return value[:CELL_CHARACTERS_MAX] + "…"
    return plain(value)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > CELL_CHARACTERS_MAX


if __name__ == "__main__":
    sys.exit(main())
