"""Ruled tables on a PDF page: lines that cross make cells, and each word lies in one of them.

It does not know text without rules, nor reading order.
"""

import ctypes
import itertools
from collections.abc import Iterable, Sequence

import msgspec
import pypdfium2
import pypdfium2.raw as pdfium

from tramontane.documents.extract.formats.pdf_words import Ruled, Segment, Shown, Word

THIN = 2.5  # points: what is thinner is a line
LONG = 6.0  # points: what is shorter is none
NEAR = 3.0  # points between lines that meet, or that are the same
PATHS_MOST = 4_000  # a map has more
LINES_MOST = 1_500
SEGMENTS_MOST = 400  # of one path

Edge = tuple[float, float, float]  # where it is across; from where to where along


class _Grid(msgspec.Struct):
    across: list[Edge]  # horizontal lines
    down: list[Edge]  # vertical ones

    def place(self) -> tuple[float, float, float, float]:
        xs = [edge[0] for edge in self.down]
        ys = [edge[0] for edge in self.across]
        return min(xs), min(ys), max(xs), max(ys)


def with_tables(page: pypdfium2.PdfPage, shown: Shown, segments: list[Segment]) -> list[Segment]:
    """Return `segments` with one in place of those that stand in a ruled table of `page`."""
    if not segments:
        return segments
    for grid in _grids(*_lines(page, shown)):
        segments = _filled(grid, segments)
    return segments


def _filled(grid: _Grid, segments: list[Segment]) -> list[Segment]:
    left, top, right, bottom = grid.place()
    inside = [
        segment
        for segment in segments
        if segment.ruled is None
        and top - 1 < segment.middle < bottom + 1
        and left - 1 < (segment.left + segment.right) / 2 < right + 1
    ]
    ys = _places(edge[0] for edge in grid.across)
    xs = _places(edge[0] for edge in grid.down)
    rows: list[list[list[Word]]] = [[[] for _ in xs[1:]] for _ in ys[1:]]
    for segment in inside:
        row = _index(ys, segment.middle)
        # A line that is missing here joins the cells on both of its sides.
        here = [edge[0] for edge in grid.down if edge[1] - 1 < segment.middle < edge[2] + 1]
        for word in segment.words:
            at = (word.left + word.right) / 2
            begin = max((x for x in here if x <= at), default=left)
            rows[row][_index(xs, begin + NEAR)].append(word)
    filled = [row for row in rows if any(row)]
    columns = sum(any(row[at] for row in filled) for at in range(len(xs) - 1))
    if len(filled) < 2 or columns < 2:
        return segments
    whole = Segment([], left, top, right, bottom, inside[0].size, ruled=Ruled(filled))
    kept = []
    for segment in segments:
        if segment is inside[0]:
            kept.append(whole)
        elif not any(segment is each for each in inside):
            kept.append(segment)
    return kept


def _index(places: Sequence[float], at: float) -> int:
    """Return between which two of `places` `at` lies."""
    below = sum(place <= at for place in places)
    return min(max(below - 1, 0), len(places) - 2)


def _places(values: Iterable[float]) -> list[float]:
    """Return values in order, those that are nearly the same once."""
    kept: list[float] = []
    for value in sorted(values):
        if not kept or value - kept[-1] > NEAR:
            kept.append(value)
    return kept


def _grids(across: list[Edge], down: list[Edge]) -> list[_Grid]:
    """Return the groups of lines that meet, where they make at least two cells."""
    groups = list(range(len(across) + len(down)))

    def root(index: int) -> int:
        while groups[index] != index:
            groups[index] = groups[groups[index]]
            index = groups[index]
        return index

    for i, (y, left, right) in enumerate(across):
        for j, (x, top, bottom) in enumerate(down, len(across)):
            if left - NEAR <= x <= right + NEAR and top - NEAR <= y <= bottom + NEAR:
                groups[root(i)] = root(j)
    made: dict[int, _Grid] = {}
    for index, edge in enumerate(across):
        made.setdefault(root(index), _Grid([], [])).across.append(edge)
    for index, edge in enumerate(down, len(across)):
        made.setdefault(root(index), _Grid([], [])).down.append(edge)
    return [grid for grid in made.values() if _is_table(grid)]


def _is_table(grid: _Grid) -> bool:
    rows = len(_places(edge[0] for edge in grid.across)) - 1
    columns = len(_places(edge[0] for edge in grid.down)) - 1
    return rows >= 2 and columns >= 2


def _lines(page: pypdfium2.PdfPage, shown: Shown) -> tuple[list[Edge], list[Edge]]:
    """Return the horizontal and the vertical lines drawn on `page`; none where there are many."""
    across: list[Edge] = []
    down: list[Edge] = []
    paths = page.get_objects([pdfium.FPDF_PAGEOBJ_PATH], max_depth=2)
    for path in itertools.islice(paths, PATHS_MOST):
        for left, top, right, bottom in _boxes(path, shown):
            width, height = right - left, bottom - top
            if height <= THIN and width >= LONG:
                across.append(((top + bottom) / 2, left, right))
            elif width <= THIN and height >= LONG:
                down.append(((left + right) / 2, top, bottom))
            elif width >= LONG and height >= LONG:
                across += [(top, left, right), (bottom, left, right)]
                down += [(left, top, bottom), (right, top, bottom)]
        if len(across) + len(down) > LINES_MOST:
            return [], []
    return across, down


def _boxes(path: pypdfium2.PdfObject, shown: Shown) -> Iterable[tuple[float, float, float, float]]:
    """Yield what `path` draws: itself where it is one line or box, else each straight piece."""
    count = pdfium.FPDFPath_CountSegments(path.raw)
    if count <= 5:
        try:
            left, bottom, right, top = path.get_bounds()
        except pypdfium2.PdfiumError:
            return
        yield _turned(shown, left, bottom, right, top)
        return
    if count > SEGMENTS_MOST:
        return
    matrix = path.get_matrix()
    x, y = ctypes.c_float(), ctypes.c_float()
    last: tuple[float, float] | None = None
    for index in range(count):
        piece = pdfium.FPDFPath_GetPathSegment(path.raw, index)
        pdfium.FPDFPathSegment_GetPoint(piece, x, y)
        point = matrix.on_point(x.value, y.value)
        kind = pdfium.FPDFPathSegment_GetType(piece)
        if kind == pdfium.FPDF_SEGMENT_LINETO and last is not None:
            yield _turned(shown, *last, *point)
        last = point


def _turned(
    shown: Shown, x1: float, y1: float, x2: float, y2: float
) -> tuple[float, float, float, float]:
    a, b, c, d, e, f = shown
    xs = (a * x1 + c * y1 + e, a * x2 + c * y2 + e)
    ys = (b * x1 + d * y1 + f, b * x2 + d * y2 + f)
    return min(xs), min(ys), max(xs), max(ys)
