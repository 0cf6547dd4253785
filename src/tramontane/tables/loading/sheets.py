"""Reads workbooks, XLSX and ODS: each sheet is a table of its own.

Cells that are merged downwards hold their value in each row, titles merged over several columns
stand before each one's own. It does not know what the columns mean, nor how a number was shown.
"""

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tramontane.tables import names
from tramontane.tables.loading import layout
from tramontane.tables.loading.delimited import above, too_wide
from tramontane.tables.loading.layout import Layout
from tramontane.tables.loading.sheet import EXTRA, Sheet, Unloadable, Writer
from tramontane.tables.profile import Note

UNPACKED_BYTES_MAX = 4 * 1024**3
_SAMPLE_ROWS = 200
_NOT_READ = "This workbook cannot be read: it is damaged, protected by a password, or none."


def read(
    path: Path, name: str, folder: Path, columns_max: int, sheets_max: int
) -> Iterator[Sheet | Note]:
    """Yield the tables of that workbook, and notes that belong to none. Raises Unloadable."""
    _check_size(path)
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        book = CalamineWorkbook.from_path(str(path))
    except PasswordError:
        raise Unloadable("unreadable", "This workbook is protected by a password.") from None
    except (CalamineError, OSError, ValueError):
        raise Unloadable("unreadable", _NOT_READ) from None
    wanted = book.sheet_names
    if len(wanted) > sheets_max:
        left = len(wanted) - sheets_max
        yield Note("sheets_left_out", f"The last {left} sheets of this workbook were not loaded.")
    for number, title in enumerate(wanted[:sheets_max]):
        try:
            sheet = book.get_sheet_by_index(number)
            merged = list(sheet.merged_cell_ranges or ())
            rows = sheet.to_python(skip_empty_area=False)
        except (CalamineError, ValueError) as error:
            yield Note("sheet_unreadable", f"The sheet {title!r} cannot be read: {error}"[:300])
            continue
        shown = title if len(wanted) > 1 else _only(title, name)
        try:
            made = _sheet(rows, merged, shown, folder / f"sheet{number}.csv", columns_max)
        except Unloadable as error:
            if len(wanted) == 1:
                raise
            yield Note("sheet_left_out", f"The sheet {title!r} was not loaded. {error.message}")
            continue
        if made is None:
            yield Note("sheet_empty", f"The sheet {title!r} is empty.")
        else:
            yield made


def _only(title: str, name: str) -> str:
    """Return the title of a workbook's only sheet: the file's, unless the sheet has one."""
    is_default = title.rstrip("0123456789 ").lower() in _DEFAULTS
    return names.of_file(name) if is_default else title


_DEFAULTS = frozenset({"sheet", "tabelle", "feuille", "feuil", "hoja", "foglio", "table", "blatt"})


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Unloadable("unreadable", _NOT_READ) from None
    if size > UNPACKED_BYTES_MAX:
        raise Unloadable(
            "large", f"Unpacked, this workbook has {size / 1e9:.0f} GB; bring it as CSV."
        )


class _Cells(msgspec.Struct):
    """The cells of a sheet as text, with merged ones filled; rows of no more than `width`."""

    rows: Sequence[Sequence[Any]]
    down: dict[tuple[int, int], tuple[int, int]]

    def row(self, number: int) -> list[str]:
        cells = [_text(cell) for cell in self.rows[number]]
        for column, cell in enumerate(cells):
            if not cell and (number, column) in self.down:
                above_row, above_column = self.down[number, column]
                cells[column] = _text(self.rows[above_row][above_column])
        return cells


def _sheet(
    rows: Sequence[Sequence[Any]],
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    title: str,
    path: Path,
    columns_max: int,
) -> Sheet | None:
    plain = _Cells(rows, {})
    found = layout.find([plain.row(number) for number in range(min(len(rows), _SAMPLE_ROWS))])
    if found is None:
        return None
    if found.width > columns_max:
        raise too_wide(found.width, columns_max)
    notes = []
    titles, grouped = _titles(plain, merged, found)
    lines = found.above[: len(found.above) - 1] if grouped else found.above
    if lines:
        notes.append(above(lines))
    cells = _Cells(rows, _downward(merged, found.start))
    if cells.down:
        notes.append(
            Note(
                "merged_cells",
                f"{len(cells.down)} cells that are merged with the one above hold its value.",
            )
        )
    writer = Writer(path, found.width)
    try:
        for number in range(found.start, len(rows)):
            writer.write(cells.row(number), number + 1, is_filled=True)
    finally:
        writer.close()
    notes.extend(writer.notes())
    return Sheet(
        title=title,
        titles=[*titles, EXTRA],
        path=path,
        first_row=found.start + 1,
        notes=notes,
    )


def _titles(
    cells: _Cells, merged: Sequence[tuple[tuple[int, int], tuple[int, int]]], found: Layout
) -> tuple[list[str], bool]:
    """Return the titles of the columns, and whether a row of wider titles above was taken in."""
    if found.header is None:
        return [""] * found.width, False
    titles = [cell.strip() for cell in cells.row(found.header)]
    titles = (titles + [""] * found.width)[: found.width]
    wide = [
        (first, last)
        for first, last in merged
        if first[0] == last[0] == found.header - 1 and last[1] > first[1]
    ]
    for (row, start), (_, end) in wide:
        over = _text(cells.rows[row][start]).strip()
        for column in range(start, min(end + 1, found.width)):
            titles[column] = f"{over} {titles[column]}".strip()
    # A title merged downwards into the header's row stands above it.
    for (row, start), (last, end) in merged:
        if row < found.header <= last and start == end < found.width and not titles[start]:
            titles[start] = _text(cells.rows[row][start]).strip()
    return titles, bool(wide)


def _downward(
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]], start: int
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return, for each cell that a merge made empty below another, the one that has the value."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for first, last in merged:
        if first[0] < start or last[0] == first[0] or len(found) > 1_000_000:
            continue
        for row in range(first[0] + 1, min(last[0], first[0] + 1_000_000) + 1):
            found[row, first[1]] = first
    return found


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        is_day = cell.time() == dt.time(0)
        return cell.date().isoformat() if is_day else cell.isoformat(sep=" ")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return "" if cell is None else str(cell)
