"""Files that are tables: recognised, and their beginning shown. SQL asks the rest, not this.

It does not know types of columns; only what stands there.
"""

import contextlib
import csv
import io
import itertools
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from tramontane.documents.extract import flow
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.formats.sheets import COLUMNS_MOST, table_text
from tramontane.documents.extract.reasons import Unreadable, corrupt
from tramontane.documents.extract.records import MIB, Limits
from tramontane.documents.extract.source import Source
from tramontane.text import encodings

ROWS_MOST = 50
HEAD_BYTES = 256 * 1024
JSON_MOST = 16 * MIB  # parsed whole; of more only the beginning of each line is looked at
TABLES_MOST = 20
SEPARATORS = (";", ",", "\t", "|")


def read_text(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the first rows of a file with separators."""
    head = _head(source)
    rows = list(itertools.islice(_rows(head, separator(head)), ROWS_MOST + 1))
    if rows and max(map(len, rows)) > COLUMNS_MOST:
        notes.add("columns_cut", f"Only the first {COLUMNS_MOST} columns are shown here.")
    yield from _one(table_text(rows))


def separator(head: str) -> str:
    """Return what parts the cells of a table whose beginning is `head`."""
    return max(SEPARATORS, key=lambda mark: regularity(head, mark))


def regularity(head: str, mark: str) -> float:
    """Return how much `head` looks like rows of cells apart by `mark`: 0 not at all, 1 fully."""
    rows = list(itertools.islice((row for row in _rows(head, mark) if row), 201))
    rows = rows[:-1] if len(rows) > 2 else rows  # the last may be cut
    if len(rows) < 2 or len(rows[0]) < 2:
        return 0.0
    usual = max(set(map(len, rows)), key=[len(row) for row in rows].count)
    alike = sum(len(row) == usual for row in rows) / len(rows)
    cells = sum(len(cell) for row in rows for cell in row) / max(1, sum(map(len, rows)))
    # Sentences with commas are long between them, and never equally many in each line.
    return alike * min(1.0, usual / 2) * (1.0 if cells < 60 else 0.3) if usual > 1 else 0.0


def _rows(head: str, mark: str) -> Iterator[list[str]]:
    """Yield the rows of `head` up to where it is no table any more."""
    text = io.StringIO(head.replace("\r\n", "\n").replace("\r", "\n"))
    with contextlib.suppress(csv.Error):  # a cell longer than any should be
        yield from csv.reader(text, delimiter=mark)


def read_json(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the first records where it is a list of them, the text itself otherwise."""
    found = records(source)
    if found is not None:
        names = list(dict.fromkeys(name for record in found for name in record))
        yield from _one(table_text([names, *([r.get(n) for n in names] for r in found)]))
        return
    text = encodings.decode(source.head(2 * MIB)).text
    if len(source) > 2 * MIB:
        notes.add("text_cut", "Only the first 2 MB were read.")
    yield Opened("part")
    yield from flow.pages(Block("text", piece) for piece in text.split("\n") if piece.strip())


def records(source: Source) -> list[dict[str, Any]] | None:
    """Return the first records of JSON that is a table: a list of objects, or one in each line."""
    try:
        if len(source) <= JSON_MOST:
            return _list_in(json.loads(encodings.decode(source.map[:]).text))
    except (ValueError, RecursionError):
        pass
    lines = _head(source).splitlines()[:ROWS_MOST]
    try:
        found = [json.loads(line) for line in lines if line.strip()]
    except (ValueError, RecursionError):
        # A list of objects that is too long to be parsed whole shows in its first one.
        return _first_of(_head(source))
    return found if found and all(isinstance(each, dict) for each in found) else None


def _first_of(head: str) -> list[dict[str, Any]] | None:
    found: list[dict[str, Any]] = []
    at = head.find("[") + 1
    decoder = json.JSONDecoder()
    try:
        while len(found) < ROWS_MOST:
            at += len(head[at:]) - len(head[at:].lstrip(" \t\r\n,"))
            value, at = decoder.raw_decode(head, at)
            if not isinstance(value, dict):
                return None
            found.append(value)
    except (ValueError, RecursionError):
        pass
    return found or None


def _list_in(value: Any) -> list[dict[str, Any]] | None:
    """Return the list of objects that `value` is, or the only one below one of its names."""
    if isinstance(value, dict):
        lists = [each for each in value.values() if isinstance(each, list) and each]
        value = lists[0] if len(lists) == 1 else None
    if not isinstance(value, list) or not value:
        return None
    found = value[:ROWS_MOST]
    return found if all(isinstance(each, dict) for each in found) else None


def read_parquet(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield no passage: what is in it is asked as a table."""
    if source.map[-4:] != b"PAR1":
        raise corrupt("The Parquet file is not whole: its end is missing. Copy it anew.")
    yield Opened("part", 0, is_table=True)


def read_sqlite(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the first rows of each table as one part."""
    address = f"file:/dev/fd/{source.descriptor}?mode=ro&immutable=1"
    try:
        database = sqlite3.connect(address, uri=True)
        with database:
            blocks = list(_tables(database, notes))
    except sqlite3.Error:
        raise corrupt("The database is damaged, or another program is writing it.") from None
    if not blocks:
        raise Unreadable("empty", "The database holds no tables.")
    yield Opened("part", 1, is_table=True)
    yield Page(1, blocks)


def _tables(database: sqlite3.Connection, notes: Notes) -> Iterator[Block]:
    names = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " ORDER BY name"
    ).fetchall()
    if len(names) > TABLES_MOST:
        notes.add("tables_cut", f"Only the first {TABLES_MOST} tables are shown here.")
    for (name,) in names[:TABLES_MOST]:
        quoted = '"' + str(name).replace('"', '""') + '"'
        cursor = database.execute(f"SELECT * FROM {quoted} LIMIT {ROWS_MOST // 5}")
        columns = [column[0] for column in cursor.description]
        yield Block("heading", str(name), 1)
        yield Block("table", table_text([columns, *cursor.fetchall()]))


def _one(text: str) -> Iterator[Opened | Page]:
    if not text:
        raise Unreadable("empty", "There is nothing in the file.")
    yield Opened("part", 1, is_table=True)
    yield Page(1, [Block("table", text)])


def _head(source: Source) -> str:
    """Return the beginning as text, whole lines where there are several."""
    data = source.head(HEAD_BYTES)
    text = encodings.decode(data).text
    if len(data) < len(source) and "\n" in text:
        text = text[: text.rfind("\n") + 1]
    return text.replace("\x00", "")
