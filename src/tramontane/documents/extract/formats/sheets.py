"""Spreadsheets: the beginning of each sheet as a table. All rows are asked in SQL, not read here.

It does not know formulas, only their results.
"""

import datetime
import itertools
from collections.abc import Iterable, Iterator

import python_calamine

from tramontane.documents.extract import xml
from tramontane.documents.extract.archive import Archive
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.formats import odt, office
from tramontane.documents.extract.reasons import Unreadable, corrupt
from tramontane.documents.extract.records import MIB, Limits
from tramontane.documents.extract.source import Source

ROWS_MOST = 200
COLUMNS_MOST = 60
SHEETS_MOST = 200
CELL = " | "
CELL_MOST = 300  # characters
UNPACKED_MOST = 128 * MIB  # of sheets that are read at all


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield a page for each sheet."""
    archive = Archive(source, limits)
    is_open_document = "content.xml" in archive.names
    if is_open_document:
        odt.require_open(archive)
        title = office.text_of(archive, "meta.xml", "dc:title")
    else:
        title = office.title(archive)
    if archive.unpacked_bytes > UNPACKED_MOST:
        yield from _names_only(archive, title, notes)
        return
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(source.file())
        names = book.sheet_names
    except (python_calamine.CalamineError, ValueError, OSError):
        raise corrupt() from None
    if not names:
        raise Unreadable("empty", "The file has no sheets.")
    yield Opened("sheet", min(len(names), SHEETS_MOST), title, is_table=True)
    if len(names) > SHEETS_MOST:
        notes.add("pages_cut", f"Only the first {SHEETS_MOST} sheets were read.")
    for number, name in enumerate(names[:SHEETS_MOST], 1):
        yield Page(number, _blocks(book, name, number, notes))


def _names_only(archive: Archive, title: str | None, notes: Notes) -> Iterator[Opened | Page]:
    names = _sheet_names(archive)
    notes.add(
        "sheet_large", "The sheets are too large to show here; ask about them as a table instead."
    )
    yield Opened("sheet", max(1, len(names)), title, is_table=True)
    for number, name in enumerate(names, 1):
        yield Page(number, [Block("heading", name, 1)])


def _sheet_names(archive: Archive) -> list[str]:
    main = office.main_part(archive, "xl/workbook.xml")
    if main not in archive.names:
        return []
    with archive.open(main) as file:
        names = (
            event.attributes.get("name", "")
            for event in xml.events(file)
            if isinstance(event, xml.Start) and event.name == "sheet"
        )
        return [name for name in itertools.islice(names, SHEETS_MOST) if name]


def _blocks(
    book: python_calamine.CalamineWorkbook, name: str, number: int, notes: Notes
) -> list[Block]:
    made = [Block("heading", name, 1)]
    try:
        sheet = book.get_sheet_by_name(name)
    except (python_calamine.CalamineError, ValueError, OSError):
        notes.add("damaged_pages", "Sheets that are damaged could not be read.", number)
        return made
    if sheet.width > COLUMNS_MOST:
        notes.add(
            "columns_cut",
            f"Of sheets with more than {COLUMNS_MOST} columns only the first are shown here.",
            number,
        )
    if sheet.height > ROWS_MOST:
        notes.add("rows_cut", f"Only the first {ROWS_MOST} rows of a sheet are shown here.", number)
    text = table_text(itertools.islice(sheet.iter_rows(), ROWS_MOST))
    return [*made, Block("table", text)] if text else made


def table_text(rows: Iterable[Iterable[object]]) -> str:
    """Return `rows` as a table's text: a row a line, cells apart by CELL, empty rows left out."""
    lines = []
    for row in rows:
        cells = [shown(value) for value in itertools.islice(row, COLUMNS_MOST)]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            lines.append(CELL.join(cells))
    return "\n".join(lines)


def shown(value: object) -> str:
    """Return one cell's value as text: whole numbers without a point, days as 2026-03-01."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    return " ".join(str(value)[:CELL_MOST].split())
