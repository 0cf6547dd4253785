"""Puts blocks together from what a nested format says: paragraphs, headings, lists, tables.

Tables in tables become text of their cell. It does not know formats.
"""

import re

import msgspec

from tramontane.documents.extract.blocks import Block
from tramontane.documents.passage import Kind

CELL = " | "
COLUMNS_MOST = 100
EMPTY_MOST = 20  # empty cells that stand for a gap
FLUSH = 10_000  # characters of a table, after which a part of it is given
_SPACES = re.compile(r"[^\S\n]+")


class _Paragraph(msgspec.Struct):
    kind: Kind
    level: int
    pieces: list[str] = []
    label: str = ""


class Builder:
    """Give it text and structure; take blocks from `ready`."""

    def __init__(self) -> None:
        self.ready: list[Block] = []
        self.has_cut_columns = False
        self._paragraphs: list[_Paragraph] = []
        self._tables = 0
        self._rows: list[str] = []
        self._head = ""
        self._length = 0
        self._has_given = False  # a part of the table
        self._cells: list[str] | None = None
        self._cell: list[str] | None = None

    def taken(self) -> list[Block]:
        """Return the blocks that are ready, and forget them."""
        ready, self.ready = self.ready, []
        return ready

    def begin_paragraph(self, kind: Kind = "text", level: int = 0) -> None:
        """A paragraph begins; one that is open waits until this one has ended."""
        self._paragraphs.append(_Paragraph(kind, level))

    def retell(self, kind: Kind, level: int = 0) -> None:
        """The open paragraph turns out to be of another kind."""
        if self._paragraphs:
            self._paragraphs[-1].kind = kind
            self._paragraphs[-1].level = level

    def label(self, label: str) -> None:
        """Put `label`, a number or letter, before the open paragraph, should it hold text."""
        if self._paragraphs:
            self._paragraphs[-1].label = label.strip()

    @property
    def is_open(self) -> bool:
        """Whether a paragraph is open."""
        return bool(self._paragraphs)

    @property
    def is_heading(self) -> bool:
        """Whether the open paragraph is a heading."""
        return bool(self._paragraphs) and self._paragraphs[-1].kind == "heading"

    def text(self, text: str) -> None:
        """Add to the open paragraph; what stands in none is left out."""
        if self._paragraphs:
            self._paragraphs[-1].pieces.append(text)

    def end_paragraph(self, *, keeps_lines: bool = True) -> None:
        """The paragraph ends."""
        if not self._paragraphs:
            return
        paragraph = self._paragraphs.pop()
        text = "".join(paragraph.pieces)
        if keeps_lines:
            lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
            text = "\n".join(line for line in lines if line)
        else:
            text = " ".join(text.split())
        if not text:
            return
        if paragraph.label:
            text = f"{paragraph.label} {text}"
        if self._cell is not None:
            self._cell.append(text)
        else:
            self.ready.append(Block(paragraph.kind, text, paragraph.level))

    def begin_table(self) -> None:
        """A table begins."""
        self._tables += 1
        if self._tables == 1:
            self._rows, self._head, self._length = [], "", 0
            self._has_given = False

    def begin_row(self) -> None:
        """A row begins."""
        if self._tables == 1:
            self._cells = []

    def begin_cell(self) -> None:
        """A cell begins."""
        if self._tables == 1:
            self._cell = []

    def end_cell(self, repeated: int = 1) -> None:
        """The cell ends; it stands there `repeated` times."""
        if self._tables != 1 or self._cell is None:
            return
        text = " ".join(" ".join(self._cell).split())
        self._cell = None
        if self._cells is not None:
            room = COLUMNS_MOST - len(self._cells)
            self.has_cut_columns = self.has_cut_columns or (room <= 0 and bool(text))
            self._cells += [text] * max(
                0, min(room, repeated if text else min(repeated, EMPTY_MOST))
            )

    def end_row(self) -> None:
        """The row ends."""
        if self._tables != 1 or self._cells is None:
            return
        cells, self._cells = self._cells, None
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            return
        row = CELL.join(cells)
        self._head = self._head or row[:1_000]
        self._rows.append(row)
        self._length += len(row)
        if self._length > FLUSH:
            self._give_table()
            self._rows, self._length, self._has_given = [self._head], 0, True

    def end_table(self) -> None:
        """The table ends."""
        self._tables = max(0, self._tables - 1)
        if self._tables == 0 and not (self._has_given and self._rows == [self._head]):
            self._give_table()

    def _give_table(self) -> None:
        text = "\n".join(self._rows)
        is_frame = len(self._rows) == 1 and CELL not in text  # a box around a paragraph
        if text:
            self.ready.append(Block("text" if is_frame else "table", text))
