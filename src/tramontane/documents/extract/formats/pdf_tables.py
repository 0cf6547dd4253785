"""Tables on a PDF page: lines whose parts stand below each other, whether ruled or not.

It does not know PDFium or paragraphs.
"""

import itertools
import re
from collections.abc import Sequence

import msgspec

from tramontane.documents.extract.blocks import Block
from tramontane.documents.extract.formats.pdf_lines import LineJoiner, box_of
from tramontane.documents.extract.formats.pdf_words import Ruled, Segment, Word
from tramontane.documents.passage import Box

CELL = " | "
WORDS_MOST = 9.0  # in a cell, on average; else it is text in columns
COLUMNS_MOST = 100
REFINED_GAP = 0.75  # font sizes between two columns at the least
_LIST_MARK = re.compile(r"^(?:[•◦▪▫●○■□‣⁃∙·–—\-*✓➢]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)])$")

Span = tuple[float, float]


class Row(msgspec.Struct):
    """Segments at one height."""

    segments: list[Segment]
    top: float
    bottom: float

    @property
    def size(self) -> float:
        """The font size of its first segment, in points."""
        return self.segments[0].size


class Grid(msgspec.Struct):
    """A table: its rows, and from where to where each column goes."""

    rows: list[Row]
    columns: list[Span]

    def cells(self) -> list[list[list[Word]]]:
        """Return the words of each row's cells."""
        made: list[list[list[Word]]] = []
        before: Row | None = None
        for row in self.rows:
            cells: list[list[Word]] = [[] for _ in self.columns]
            for segment in sorted(row.segments, key=lambda segment: segment.left):
                for word in segment.words:
                    cells[_column(self.columns, word)].append(word)
            if before is not None and not cells[0] and row.top - before.bottom < row.size * 0.4:
                for cell, words in zip(made[-1], cells, strict=True):
                    cell += words  # a cell that goes on in the next line
            else:
                made.append(cells)
            before = row
        return made


def block_of(
    rows: Sequence[Sequence[Sequence[Word]]], joiner: LineJoiner, width: float, height: float
) -> Block:
    """Return a table as one block: a row a line, cells apart by CELL; empty columns left out."""
    columns = [at for at in range(len(rows[0])) if any(row[at] for row in rows)]
    text = ""
    boxes: list[Box] = []
    for index, row in enumerate(rows):
        text += "\n" if index else ""
        for at, column in enumerate(columns):
            text += CELL if at else ""
            before: Word | None = None
            for word in row[column]:
                if before is not None:
                    text += joiner.between(before, word, word.left < before.left)
                boxes.append(box_of(word, len(text), width, height))
                text += word.text
                before = word
            text += "-" if before is not None and before.is_broken else ""
    return Block("table", text, boxes=boxes)


def split(chain: Sequence[Segment]) -> list["Grid | Ruled | list[Segment]"]:
    """Return what stands in `chain` in order: tables, and the segments between them."""
    made: list[Grid | Ruled | list[Segment]] = []
    for is_ruled, group in itertools.groupby(chain, lambda segment: segment.ruled is not None):
        if is_ruled:
            made += [segment.ruled for segment in group if segment.ruled is not None]
        else:
            made += _aligned(list(group))
    return made


def _aligned(chain: Sequence[Segment]) -> list["Grid | Ruled | list[Segment]"]:
    """Return tables without rules, and the segments between them."""
    made: list[Grid | Ruled | list[Segment]] = []
    text: list[Segment] = []
    rows = _rows(chain)
    at = 0
    while at < len(rows):
        grid = _grid(rows, at)
        if grid is None:
            text += rows[at].segments
            at += 1
            continue
        if text:
            made.append(text)
            text = []
        made.append(grid)
        at += len(grid.rows)
    if text:
        made.append(text)
    return made


def _rows(chain: Sequence[Segment]) -> list[Row]:
    """Return rows in the order of the chain; a cell of several lines may jump back up a little."""
    rows: list[Row] = []
    for segment in chain:
        row = next((row for row in reversed(rows[-8:]) if _is_in(row, segment)), None)
        if row is None:
            rows.append(Row([segment], segment.top, segment.bottom))
        else:
            row.segments.append(segment)
            row.top, row.bottom = min(row.top, segment.top), max(row.bottom, segment.bottom)
    return rows


def _is_in(row: Row, segment: Segment) -> bool:
    shared = min(row.bottom, segment.bottom) - max(row.top, segment.top)
    lower = min(row.bottom - row.top, segment.bottom - segment.top)
    if shared < lower * 0.6 or len(row.segments) > COLUMNS_MOST:
        return False
    return all(s.right <= segment.left + 1 or s.left >= segment.right - 1 for s in row.segments)


def _grid(rows: list[Row], start: int) -> Grid | None:
    """Return the table that begins with row `start`, None where none does."""
    if not _is_row(rows[start]):
        return None
    columns = [(s.left, s.right) for s in sorted(rows[start].segments, key=lambda s: s.left)]
    end = start + 1
    last_full = start
    while end < len(rows) and _is_near(rows[end - 1], rows[end]):
        wider = _with(columns, rows[end])
        if wider is None or (not _is_row(rows[end]) and end - last_full > 3):
            break
        columns = wider
        if _is_row(rows[end]):
            last_full = end
        end += 1
    found = rows[start : _end(rows, last_full, columns)]
    full = [row for row in found if _is_row(row)]
    if len(full) < (2 if len(columns) > 2 else 3):
        return None
    return Grid(found, _refined(found, columns)) if _is_table(full, columns) else None


def _refined(rows: list[Row], columns: list[Span]) -> list[Span]:
    """Return the columns as the words of all rows leave room between them.

    Heads stand closer together than a wide gap, and would join the numbers below them.
    """
    spans = sorted(span for row in rows for segment in row.segments for span in _runs(segment))
    made: list[Span] = []
    for left, right in spans:
        if made and left <= made[-1][1] + rows[0].size * REFINED_GAP / 2:
            made[-1] = (made[-1][0], max(made[-1][1], right))
        else:
            made.append((left, right))
    filled = sum(
        any(left <= (run[0] + run[1]) / 2 <= right for s in row.segments for run in _runs(s))
        for row in rows
        for left, right in made
    )
    return made if len(made) > len(columns) and filled >= 0.6 * len(rows) * len(made) else columns


def _runs(segment: Segment) -> list[Span]:
    """Return from where to where words follow each other at the distance of words."""
    runs: list[Span] = []
    for word in segment.words:
        if runs and word.left - runs[-1][1] < segment.size * REFINED_GAP:
            runs[-1] = (runs[-1][0], word.right)
        else:
            runs.append((word.left, word.right))
    return runs


def _end(rows: list[Row], last: int, columns: list[Span]) -> int:
    """Return where the table ends: after the lines in which cells of its last row go on."""
    end = last + 1
    while end < len(rows) and rows[end].top - rows[end - 1].bottom < rows[end].size * 0.3:
        cells = {_column(columns, segment) for segment in rows[end].segments}
        if _is_row(rows[end]) or 0 in cells:
            break
        end += 1
    return end


def _is_row(row: Row) -> bool:
    return 1 < len(row.segments) <= COLUMNS_MOST and not _LIST_MARK.match(
        min(row.segments, key=lambda segment: segment.left).text
    )


def _is_near(row: Row, after: Row) -> bool:
    return -row.size < after.top - row.bottom < row.size * 2.5


def _with(columns: list[Span], row: Row) -> list[Span] | None:
    """Return the columns with those of `row` taken in; None where it goes across two of them."""
    made = list(columns)
    for segment in row.segments:
        touched = [span for span in made if span[0] < segment.right and segment.left < span[1]]
        if len(touched) > 1:
            return None
        if touched:
            made.remove(touched[0])
        left = min([segment.left, *(span[0] for span in touched)])
        right = max([segment.right, *(span[1] for span in touched)])
        made.append((left, right))
    made.sort()
    return made


def _is_table(rows: list[Row], columns: list[Span]) -> bool:
    """Whether it is one, and not text in columns or words that happen to stand apart."""
    segments = [segment for row in rows for segment in row.segments]
    words = sum(len(segment.words) for segment in segments) / len(segments)
    filled = len(segments) / (len(rows) * len(columns))
    return words <= WORDS_MOST and filled >= 0.5 and not _is_prose(segments, columns, words)


def _is_prose(segments: list[Segment], columns: list[Span], words: float) -> bool:
    """Whether two or three columns are filled from side to side, as running text does."""
    wide = sum(segment.right - segment.left for segment in segments) / len(segments)
    column = sum(right - left for left, right in columns) / len(columns)
    return len(columns) <= 3 and words >= 4 and wide > 0.8 * column


def _column(columns: list[Span], here: Segment | Word) -> int:
    """Return which column `here` stands in, or is next to."""
    shared = [min(right, here.right) - max(left, here.left) for left, right in columns]
    return shared.index(max(shared))
