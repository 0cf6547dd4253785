"""What every reader makes of its file: a table whose cells are text, in a form DuckDB reads fast.

It does not know what the columns mean.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tramontane.tables.profile import Note


class Unloadable(Exception):
    """Nothing can be loaded; `kind` is one of `load._CODES`, the message says what to change."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Sheet(msgspec.Struct, kw_only=True):
    """Rows in a file of comma-separated values in UTF-8 (or `delimiter`), from line `skip` on.

    `titles` are the columns' in their order, "" where none stood there. `has_comma` says whether
    numbers are likely to be written 1.234,5; None where nothing tells. `first_row` is the number of
    the first row in the reader's own counting. With `select`, DuckDB reads it itself, with types.
    """

    title: str
    titles: list[str]
    path: Path | None = None
    delimiter: str = ","
    skip: int = 0
    has_comma: bool | None = None
    first_row: int = 1
    notes: list[Note] = []
    select: str | None = None


class Writer:
    """Writes rows of one width as Sheets have them, and counts what did not fit.

    A row that is too long keeps what it has too much in one more column; a short one is filled up.
    """

    def __init__(self, path: Path, width: int) -> None:
        self.path = path
        self.width = width
        self.rows = 0
        self.empty = 0
        self.short: list[int] = []
        self.long: list[int] = []
        self.short_count = 0
        self.long_count = 0
        self._file = path.open("w", encoding="utf-8", newline="", errors="replace")
        self._writer = csv.writer(self._file, lineterminator="\n")

    def write(self, cells: Sequence[str], number: int, *, is_filled: bool = False) -> None:
        """Keep a row; `number` is its own in the file. `is_filled`: short is no fault here."""
        if not any(cells):
            self.empty += 1
            return
        count = len(cells)
        if count == self.width:
            row = [*cells, ""]
        elif count < self.width:
            if not is_filled:
                self.short_count += 1
                if len(self.short) < 3:
                    self.short.append(number)
            row = [*cells, *[""] * (self.width - count + 1)]
        else:
            extra = list(cells[self.width :])
            while extra and not extra[-1]:
                extra.pop()
            if extra:
                self.long_count += 1
                if len(self.long) < 3:
                    self.long.append(number)
            row = [*cells[: self.width], " | ".join(extra)]
        self.rows += 1
        self._writer.writerow(row)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def notes(self) -> list[Note]:
        """Return what a reader should know of rows that did not fit."""
        made = []
        if self.short_count:
            made.append(
                Note(
                    "short_rows",
                    f"{self.short_count} rows have fewer cells than there are columns; the rest is"
                    f" empty there ({rows(self.short, self.short_count)}).",
                )
            )
        if self.long_count:
            made.append(
                Note(
                    "long_rows",
                    f"{self.long_count} rows have more cells than there are columns; what is too"
                    f" much stands in the column {EXTRA!r} ({rows(self.long, self.long_count)}).",
                )
            )
        if self.empty:
            made.append(Note("empty_rows", f"{self.empty} empty rows were left out."))
        return made


EXTRA = "beyond the last column"


def rows(numbers: Iterable[int], count: int) -> str:
    """Return some numbers of rows in words; `count` is how many there are."""
    shown = ", ".join(map(str, numbers))
    more = ", …" if count > shown.count(",") + 1 else ""
    return f"row{'s' if count > 1 else ''} {shown}{more}"


def text(value: Any) -> str:
    """Return a cell as text."""
    return "" if value is None else str(value)
