"""Reads CSV and TSV: finds the encoding, the separator and the header, and mends odd rows.

A file that is regular is left to DuckDB as it is, however large; any other is read row by row here
and written anew. It does not know what the columns mean.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tramontane.tables import names
from tramontane.tables.loading import layout
from tramontane.tables.loading.layout import Layout
from tramontane.tables.loading.sheet import EXTRA, Sheet, Unloadable, Writer
from tramontane.tables.profile import Note

_SAMPLE_BYTES = 512 * 1024
_SAMPLE_ROWS = 200
_PIECE_BYTES = 4 * 1024 * 1024
_CELL_BYTES = 16 * 1024 * 1024
_SEPARATORS = (",", ";", "\t", "|")
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read(path: Path, kind: str, name: str, folder: Path, columns_max: int) -> Sheet:
    """Return the table in that file. Raises Unloadable."""
    notes: list[Note] = []
    clean = _decoded(path, folder, notes)
    with clean.open(encoding="utf-8", newline="") as file:
        sample = file.read(_SAMPLE_BYTES)
    if not sample.strip():
        raise Unloadable("empty", "This file is empty: there is no table in it.")
    said = re.match(r"sep=(.)\r?\n", sample)
    skipped = 1 if said else 0
    separator = said[1] if said else _separator(sample, kind)
    head = _head(sample, separator)[skipped:]
    found = layout.find(head)
    if found is None:
        raise Unloadable("empty", "There are only empty rows in this file.")
    if found.width > columns_max:
        raise too_wide(found.width, columns_max)
    titles = list(head[found.header]) if found.header is not None else []
    titles = [title.strip() for title in (titles + [""] * found.width)[: found.width]]
    if found.above:
        notes.append(above(found.above))
    sheet = Sheet(
        title=names.of_file(name),
        titles=titles,
        path=clean,
        delimiter=separator,
        has_comma=True if separator == ";" else None,
        first_row=found.start + skipped + 1,
        notes=notes,
    )
    lines = _lines_before(sample, found.start + skipped)
    if lines is None:
        return rewritten(sheet, clean, found, skipped, folder)
    sheet.skip = lines
    return sheet


def too_wide(width: int, most: int) -> Unloadable:
    """Return the error for a table with too many columns."""
    return Unloadable(
        "wide",
        f"This table has {width:,} columns; at most {most:,} are loaded. Bring it with one row per"
        " value (long instead of wide), or only the columns that matter.",
    )


def above(lines: tuple[str, ...]) -> Note:
    """Return the note for what stood above the table."""
    told = " / ".join(line[:120] for line in lines[:5])
    return Note("above_table", f"Above the table stands: {told}")


def rewritten(sheet: Sheet, clean: Path, found: Layout, skipped: int, folder: Path) -> Sheet:
    """Return the same table read row by row and written anew, each row as wide as the header."""
    target = folder / "rows.csv"
    writer = Writer(target, found.width)
    try:
        with clean.open(encoding="utf-8", newline="") as file:
            start = found.start + skipped
            for number, row in enumerate(_rows(file, sheet.delimiter, sheet.notes), 1):
                if number > start:
                    writer.write([cell.strip("\r\n") for cell in row], number)
    finally:
        writer.close()
    sheet.notes.extend(writer.notes())
    sheet.path, sheet.delimiter, sheet.skip = target, ",", 0
    sheet.titles = [*sheet.titles, EXTRA]
    return sheet


def _rows(file: IO[str], separator: str, notes: list[Note]) -> Iterator[list[str]]:
    """Yield rows; a quotation mark that is never closed is taken for an ordinary character."""
    csv.field_size_limit(_CELL_BYTES)
    lines: list[str] = []  # of the row that is being read

    def feed() -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    is_more = True
    while is_more:
        is_more = False
        try:
            for row in csv.reader(feed(), delimiter=separator):
                if len(lines) > 1 and sum(line.count('"') for line in lines) % 2:
                    break  # its quotation mark is closed nowhere
                lines.clear()
                yield row
        except csv.Error:  # a cell of many megabytes
            is_more = True
        if lines:
            if not any(note.code == "open_quote" for note in notes):
                notes.append(
                    Note("open_quote", f"A quotation mark is never closed: {lines[0]!r}"[:200])
                )
            yield from csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
            lines = []


def _separator(sample: str, kind: str) -> str:
    """Return what separates the cells: what gives the most rows of one width, the wider first."""
    best, found = (-1.0, 0), "\t" if kind == "tsv" else ","
    for separator in _SEPARATORS:
        rows = [row for row in _head(sample, separator) if any(row)]
        widths = Counter(len(row) for row in rows)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        if width < 2:
            continue
        score = (round(count / len(rows), 1), width)
        if score > best:
            best, found = score, separator
    return found


def _head(sample: str, separator: str) -> list[list[str]]:
    """Return the first rows; the last line of the sample may be cut, so it is left out."""
    cut = sample if len(sample) < _SAMPLE_BYTES else sample[: sample.rfind("\n") + 1] or sample
    rows = []
    try:
        for row in csv.reader(cut.splitlines(keepends=True), delimiter=separator):
            rows.append([cell.strip() for cell in row])
            if len(rows) >= _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return rows


def _lines_before(sample: str, rows: int) -> int | None:
    """Return how many lines the first `rows` rows take; None where DuckDB would count otherwise."""
    lines = sample.splitlines(keepends=True)[: rows + 1]
    if any('"' in line and line.count('"') % 2 for line in lines):
        return None
    if any(not line.strip() for line in lines[:rows]):
        return None
    if "\r" in sample.replace("\r\n", ""):
        return None
    return rows


def _decoded(path: Path, folder: Path, notes: list[Note]) -> Path:
    """Return a file with the same text in UTF-8 without a mark: `path` itself where it is that."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise Unloadable("empty", "This file is empty: there is no table in it.")
    wide = next((name for mark, name in _UTF16.items() if head.startswith(mark)), None)
    if wide is None and head.count(0) * 3 > len(head):
        wide = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    if wide is not None:
        notes.append(Note("encoding", "The text is in UTF-16."))
        return _from_wide(path, wide, folder)
    has_mark = head.startswith(codecs.BOM_UTF8)
    is_valid, has_null = _is_utf8(path)
    if is_valid and not has_null and not has_mark:
        return path
    return _line_by_line(path, folder, notes)


def _is_utf8(path: Path) -> tuple[bool, bool]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    has_null = False
    with path.open("rb") as file:
        try:
            while piece := file.read(_PIECE_BYTES):
                has_null = has_null or b"\0" in piece
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False, has_null
    return True, has_null


def _from_wide(path: Path, encoding: str, folder: Path) -> Path:
    target = folder / f"decoded{path.suffix or '.csv'}"
    with (
        path.open(encoding=encoding, errors="replace", newline="") as source,
        target.open("w", encoding="utf-8", newline="", errors="replace") as written,
    ):
        first = True
        while piece := source.read(_PIECE_BYTES):
            written.write((piece.removeprefix("\ufeff") if first else piece).replace("\0", ""))
            first = False
    return target


def _line_by_line(path: Path, folder: Path, notes: list[Note]) -> Path:
    """Decode each line as what it is: UTF-8 where that fits, else Windows-1252."""
    target = folder / f"decoded{path.suffix or '.csv'}"
    unicode_lines = other_lines = nulls = 0
    example = 0
    with path.open("rb") as source, target.open("wb") as written:
        for number, line in enumerate(source, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if b"\0" in line:
                nulls += line.count(0)
                line = line.replace(b"\0", b"")
            if not line.isascii():
                try:
                    line.decode("utf-8")
                    unicode_lines += 1
                except UnicodeDecodeError:
                    other_lines += 1
                    example = example or number
                    line = _western(line).encode("utf-8")
            written.write(line)
    if other_lines and unicode_lines:
        notes.append(
            Note(
                "mixed_encodings",
                f"{unicode_lines} lines are in UTF-8 and {other_lines} in Windows-1252 (line"
                f" {example} first); each was read as what it is.",
            )
        )
    elif other_lines:
        notes.append(Note("encoding", "The text is in Windows-1252 (or Latin-1)."))
    if nulls:
        notes.append(Note("null_characters", f"{nulls} null characters were left out."))
    return target


def _western(line: bytes) -> str:
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")
