"""Where the table begins in what people call a table: titles above it, its header, its width.

A pure function of the first rows as text. It does not know where they come from.
"""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

_NUMBER = re.compile(
    r"[(\-+−]?\s*(?:[€$£¥]|CHF|EUR|USD|GBP)?\s*[-−]?\d[\d.,'’ \u00a0\u202f]*(?:[eE][-+]?\d+)?"
    r"\s*(?:%|[€$£¥]|CHF|EUR|USD|GBP)?\)?"
)
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:[T ].*)?")
_YEAR = re.compile(r"(?:19|20)\d\d")


class Layout(msgspec.Struct, frozen=True):
    """`header` is the index of the row with titles, None where there is none; `start` that of the
    first row of data; `above` what stood over the table, line by line.
    """

    width: int
    header: int | None
    start: int
    above: tuple[str, ...] = ()


def find(rows: Sequence[Sequence[str]]) -> Layout | None:
    """Return the layout of a table that begins with these rows; None where all are empty."""
    filled = [(number, row) for number, row in enumerate(rows) if any(cell.strip() for cell in row)]
    if not filled:
        return None
    width = _width([row for _, row in filled])
    enough = max(1, round(width * 0.6)) if width > 2 else width
    first = next((n for n, row in filled if _count(row) >= enough), filled[0][0])
    above = tuple(
        " ".join(cell.strip() for cell in row if cell.strip()) for n, row in filled if n < first
    )
    below = [row for n, row in filled if n > first][:100]
    head = list(rows[first])
    if _is_header(head, below):
        return Layout(max(width, _reach(head)), first, first + 1, above)
    return Layout(width, None, first, above)


def _count(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell.strip())


def _reach(row: Sequence[str]) -> int:
    """Return how many columns a row has up to its last filled cell."""
    return max((n + 1 for n, cell in enumerate(row) if cell.strip()), default=0)


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Return how many columns most rows have: the widest of those that are common."""
    counts = Counter(_reach(row) for row in rows)
    most = max(counts.values())
    return max(width for width, count in counts.items() if count * 2 >= most)


def _is_header(head: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    cells = [cell.strip() for cell in head]
    given = [cell for cell in cells if cell]
    if not given or not any(_is_word(cell) for cell in given):
        return False
    if not all(_is_word(cell) or _YEAR.fullmatch(cell) for cell in given):
        return False
    if not below:
        return True
    # A column of numbers or dates under words, or words that do not come again.
    again = 0
    for column, cell in enumerate(cells):
        values = [row[column].strip() for row in below if len(row) > column and row[column].strip()]
        if values and _is_word(cell) and sum(not _is_word(v) for v in values) * 2 > len(values):
            return True
        again += bool(cell) and cell in values
    return again * 2 < len(given)


def _is_word(cell: str) -> bool:
    return not (_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))
