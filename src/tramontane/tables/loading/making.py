"""Writes sheets as tables of a DuckDB file, typed, with their profile and what to know of them.

It does not know who reads them, nor what was brought beside them.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tramontane.tables import names
from tramontane.tables.load import Loaded
from tramontane.tables.loading import delimited, typing
from tramontane.tables.loading.layout import Layout
from tramontane.tables.loading.sheet import EXTRA, Sheet, Unloadable
from tramontane.tables.profile import Note, profile, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TOTAL = re.compile(
    r"(?:grand |sub)?total(?:e|i|es)?\b|summe\b|gesamt|insgesamt\b|somme\b|suma\b|somma\b"
    r"|ensemble\b",
    re.IGNORECASE,
)
# DuckDB takes sixteen times that for each piece it reads; few files have longer lines.
_LINE_BYTES = 2 * 1024 * 1024
_LINE_BYTES_MAX = 16 * 1024 * 1024


class Maker:
    """Adds tables to the file attached as `made`; `folder` takes what is staged on the way."""

    def __init__(self, connection: "DuckDBPyConnection", folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._names: list[str] = []

    def add(self, sheet: Sheet) -> Loaded:
        """Return the table made of that sheet. Raises Unloadable."""
        self._names = names.distinct([*self._names, names.plain(sheet.title, "table")])
        name = self._names[-1]
        target = f"made.main.{quoted(name)}"
        if sheet.select is not None and sheet.has_comma is None:
            columns = self._as_it_is(sheet, target)
        else:
            columns = self._typed(sheet, target)
        count, profiles = profile(self._connection, target, columns)
        if not count:
            raise Unloadable("empty", "There are titles in this table, but no rows.")
        return Loaded(
            name=name,
            title=sheet.title,
            row_count=count,
            columns=tuple(profiles),
            notes=tuple(sheet.notes),
        )

    def _as_it_is(self, sheet: Sheet, target: str) -> list[tuple[str, str, str | None]]:
        made, titles = _named(sheet.titles)
        cells = ", ".join(f"c{n} AS {quoted(name)}" for n, name in enumerate(made))
        self._connection.execute(f"CREATE TABLE {target} AS SELECT {cells} FROM ({sheet.select})")
        return [(name, title, None) for name, title in zip(made, titles, strict=True)]

    def _typed(self, sheet: Sheet, target: str) -> list[tuple[str, str, str | None]]:
        raw = self._staged(sheet)
        self._drop_empty(sheet, raw)
        found = typing.columns(
            self._connection, raw, sheet.titles, sheet.has_comma, sheet.first_row
        )
        shown: list[str] = []
        cells: list[str] = []
        units: list[str | None] = []
        for number, (typed, title) in enumerate(zip(found, sheet.titles, strict=True)):
            sheet.notes.extend(typed.notes)
            own = f"cell_v{number}"
            shown.append(title)
            cells.append(own if typed.reading is None else typed.reading.of(own))
            units.append(None if typed.reading is None else typed.reading.unit)
            if typed.reading is not None and typed.misfits:
                shown.append(f"{title or f'column {number + 1}'} as written")
                cells.append(typing.misfit(typed.reading, own))
                units.append(None)
        made, titles = _named(shown, sheet.notes)
        chosen = ", ".join(f"{c} AS {quoted(n)}" for c, n in zip(cells, made, strict=True))
        staged = ", ".join(f"c{n} AS cell_v{n}" for n in range(len(found)))
        self._connection.execute(
            f"CREATE TABLE {target} AS SELECT {chosen} FROM (SELECT {staged} FROM {raw})"
        )
        self._connection.execute(f"DROP TABLE {raw}")
        self._say_total(sheet, target, made)
        return list(zip(made, titles, units, strict=True))

    def _drop_empty(self, sheet: Sheet, raw: str) -> None:
        """Leave out columns that have neither a title nor a value, and the one for odd rows."""
        kept = []
        count = len(sheet.titles)
        row = self._filled(raw, [f"c{number}" for number in range(count)])
        for number, filled in enumerate(row):
            is_extra = number == count - 1 and sheet.titles[number] == EXTRA
            if filled or (sheet.titles[number] and not is_extra):
                kept.append(number)
        left = count - len(kept) - (1 if sheet.titles[-1:] == [EXTRA] and not row[-1] else 0)
        if left > 0:
            sheet.notes.append(
                Note("empty_columns", f"{left} columns without title or value were left out.")
            )
        if len(kept) == count:
            return
        for number in range(count):
            if number not in kept:
                self._connection.execute(f"ALTER TABLE {raw} DROP COLUMN c{number}")
        for place, number in enumerate(kept):
            if place != number:
                self._connection.execute(f"ALTER TABLE {raw} RENAME COLUMN c{number} TO c{place}")
        sheet.titles = [sheet.titles[number] for number in kept]

    def _filled(self, raw: str, columns: list[str]) -> list[bool]:
        """Return whether each column has a value; most show one in the first rows."""
        found = dict.fromkeys(columns, False)
        for source in (f"(SELECT * FROM {raw} LIMIT 10000)", raw):
            left = [column for column, is_filled in found.items() if not is_filled]
            facts = ", ".join(f"count({column}) > 0" for column in left)
            if left:
                row = self._connection.execute(f"SELECT {facts} FROM {source}").fetchone()
                found.update(zip(left, row or (), strict=True))
        return list(found.values())

    def _staged(self, sheet: Sheet) -> str:
        """Return the name of a table with the sheet's cells as text."""
        raw = "staged.main.raw"
        self._connection.execute(f"DROP TABLE IF EXISTS {raw}")
        if sheet.select is not None:
            self._connection.execute(
                f"CREATE TABLE {raw} AS SELECT {_trimmed(sheet)} FROM ({sheet.select})"
            )
            return raw
        if not self._read_csv(sheet, raw, is_strict=True):
            assert sheet.path is not None
            self._rewrite(sheet)
            self._read_csv(sheet, raw, is_strict=False)
        return raw

    def _rewrite(self, sheet: Sheet) -> None:
        assert sheet.path is not None
        found = Layout(width=len(sheet.titles), header=None, start=sheet.first_row - 1, above=())
        delimited.rewritten(sheet, sheet.path, found, 0, self._folder)

    def _read_csv(self, sheet: Sheet, raw: str, *, is_strict: bool) -> bool:
        """Stage the file; return False where it has rows that do not fit, which is not staged."""
        import duckdb

        columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(sheet.titles)))
        options = (
            f"header = false, auto_detect = false, delim = {_text(sheet.delimiter)}, quote = '\"',"
            f" escape = '\"', skip = {sheet.skip}, columns = {{{columns}}}, nullstr = '',"
            f" max_line_size = {_LINE_BYTES if is_strict else _LINE_BYTES_MAX}, strict_mode = true"
        )
        path = _text(str(sheet.path))
        try:
            self._connection.execute(
                f"CREATE TABLE {raw} AS SELECT {_trimmed(sheet)} FROM read_csv({path}, {options})"
            )
        except duckdb.OutOfMemoryException:
            raise
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            if not is_strict:
                raise Unloadable(
                    "unreadable", f"A row cannot be read: {str(error).partition(chr(10))[0]}"[:400]
                ) from None
            self._connection.execute(f"DROP TABLE IF EXISTS {raw}")
            return False
        return True

    def _say_total(self, sheet: Sheet, target: str, made: list[str]) -> None:
        """Note a last row that looks like the sum of the others: it would be counted twice."""
        row: Any = self._connection.execute(
            f"SELECT * FROM {target} ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        words = [cell for cell in row or () if isinstance(cell, str)]
        if len(made) > 1 and words and _TOTAL.match(words[0].strip()):
            sheet.notes.append(
                Note(
                    "total_row",
                    f"The last row looks like a total ({words[0].strip()[:60]!r}); it is kept, so"
                    " leave it out of sums.",
                )
            )


def _named(titles: list[str], notes: list[Note] | None = None) -> tuple[list[str], list[str]]:
    """Return names in SQL and titles for columns; those without one are numbered."""
    shown = [title or f"Column {number}" for number, title in enumerate(titles, 1)]
    plain = [names.plain(title, f"column_{number}") for number, title in enumerate(shown, 1)]
    twice = sorted({title for title in titles if title and titles.count(title) > 1})
    if notes is not None and twice:
        told = ", ".join(repr(title) for title in twice[:5])
        notes.append(Note("duplicate_columns", f"Several columns are called {told}."))
    if notes is not None and not all(titles):
        count = sum(1 for title in titles if not title)
        notes.append(Note("unnamed_columns", f"{count} columns have no title and are numbered."))
    return names.distinct(plain), shown


def _trimmed(sheet: Sheet) -> str:
    columns = (f"c{number}" for number in range(len(sheet.titles)))
    return ", ".join(f"{typing.cell(column)} AS {column}" for column in columns)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
