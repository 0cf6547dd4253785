"""Reading order of a PDF page, its lines, and lines joined to a paragraph's text.

It does not know PDFium, headings or tables.
"""

import itertools
import re
from collections.abc import Sequence

import msgspec

from tramontane.documents.extract.formats.pdf_words import PageText, Segment, Word
from tramontane.documents.passage import WHOLE, Box

JUMP_LINES = 12  # a jump up by more than this begins another column
COLUMN_LINES = 3  # of running text at the least stand in a column,
COLUMN_WORDS = 3.5  # with so many words each
ODD_MOST = 0.12  # of all steps may go up the page without reason, else the file's order is not used
SEEN_MOST = 20_000
# After these a hyphen at the end of a line stood for a left-out part: "Umsatz- und Lohnsteuer".
_AND = {"und", "oder", "bzw", "sowie", "bis", "and", "or", "to", "et", "ou", "y", "o", "e", "ed"}
# These hang on to the word before with a hyphen of their own: "celui-ci", "peut-être".
_HANGING = {"là", "ci", "même", "mêmes", "être", "il", "ils", "elle", "elles", "nous", "vous",
            "dire"}  # fmt: skip
_LETTERS = re.compile(r"[^\W\d_]+")
_HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")


class Line(msgspec.Struct):
    """One line of text, from all its segments."""

    words: list[Word]
    left: float
    top: float
    right: float
    bottom: float
    size: float
    is_bold: bool
    text: str
    has_leader: bool = False

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return (self.top + self.bottom) / 2

    @property
    def is_broken(self) -> bool:
        """Whether its last word goes on in the next line."""
        return self.words[-1].is_broken


def chains(text: PageText) -> list[list[Segment]]:
    """Return the segments of a page in reading order, each column or block for itself."""
    if not text.segments:
        return []
    if text.is_filled_in:
        return by_geometry(text)
    made: list[list[Segment]] = [[text.segments[0]]]
    odd = 0
    for before, segment in zip(text.segments, text.segments[1:], strict=False):
        up = before.top - segment.top
        if up > JUMP_LINES * before.size * 1.2 or _is_next_column(made[-1], segment, up):
            made.append([segment])
            odd += segment.left < before.right - before.size and segment.right > before.left
        else:
            made[-1].append(segment)
            # One line up and not to the right of what was last: neither column nor cell.
            odd += up > before.size * 0.7 and segment.left < before.left
    if odd > max(2, ODD_MOST * len(text.segments)) or _goes_across(text.segments):
        return by_geometry(text)
    return made


def _is_next_column(chain: list[Segment], segment: Segment, up: float) -> bool:
    """Whether `segment` goes up to the right of running text, and not of a table's cell."""
    if up < segment.size * 1.5:
        return False
    beside = []
    for other in reversed(chain):
        if other.bottom < segment.top - segment.size * 0.5 or other.right > segment.left + 1:
            break
        beside.append(other)
    lines = lines_of(beside[::-1])
    words = sum(len(line.words) for line in lines)
    return len(lines) >= COLUMN_LINES and words >= COLUMN_WORDS * len(lines)


def _goes_across(segments: Sequence[Segment]) -> bool:
    """Whether the file has running text in columns line by line across them."""
    across = [
        (a, b)
        for a, b in itertools.pairwise(segments)
        if b.left > a.right and abs(a.middle - b.middle) < a.size * 0.3
    ]
    if len(across) < 8 or len(across) < 0.3 * len(segments):
        return False
    words = sum(len(a.words) + len(b.words) for a, b in across) / (2 * len(across))
    starts = {round(b.left / 4) for _, b in across}
    return words >= 4 and len(starts) <= max(2, len(across) // 6)


def by_geometry(text: PageText) -> list[list[Segment]]:
    """Return the segments by where they stand: bands across the page, columns within them."""
    rows = sorted(text.segments, key=lambda segment: (segment.middle, segment.left))
    gutter = _gutter(rows, text.width)
    if gutter is None:
        return [rows]
    made: list[list[Segment]] = []
    left: list[Segment] = []
    right: list[Segment] = []
    for segment in rows:
        if segment.left < gutter - 1 and segment.right > gutter + 1:
            made += [left, right, [segment]]
            left, right = [], []
        elif segment.right <= gutter + 1:
            left.append(segment)
        else:
            right.append(segment)
    made += [left, right]
    return [chain for chain in made if chain]


def _gutter(segments: Sequence[Segment], width: float) -> float | None:
    """Return the x that parts two columns of running text, None where there is none."""
    best: tuple[int, float] | None = None
    for step in range(30, 71):
        x = width * step / 100
        crossing = sum(s.left < x - 2 and s.right > x + 2 for s in segments)
        left = [s for s in segments if s.right <= x + 2]
        right = [s for s in segments if s.left >= x - 2]
        if min(len(left), len(right)) < 4 or crossing > len(segments) * 0.2:
            continue
        wordy = sum(len(s.words) for s in (*left, *right)) / (len(left) + len(right))
        if wordy >= 4 and (best is None or crossing < best[0]):
            best = (crossing, x)
    return best[1] if best else None


def lines_of(segments: Sequence[Segment]) -> list[Line]:
    """Return lines: what follows each other on the same height is one."""
    made: list[Line] = []
    for segment in segments:
        if made and _is_same(made[-1], segment):
            line = made[-1]
            line.words += segment.words
            line.right = max(line.right, segment.right)
            line.top = min(line.top, segment.top)
            line.bottom = max(line.bottom, segment.bottom)
            line.is_bold = line.is_bold and segment.is_bold
            line.text += " " + segment.text
            line.has_leader = line.has_leader or segment.has_leader
        else:
            made.append(
                Line(
                    list(segment.words), segment.left, segment.top, segment.right, segment.bottom,
                    segment.size, segment.is_bold, segment.text, segment.has_leader,
                )
            )  # fmt: skip
    return made


def _is_same(line: Line, segment: Segment) -> bool:
    shared = min(line.bottom, segment.bottom) - max(line.top, segment.top)
    lower = min(line.bottom - line.top, segment.bottom - segment.top)
    return shared * 2 >= lower and segment.left >= line.right - segment.size


def box_of(word: Word, start: int, width: float, height: float) -> Box:
    """Return the packed form's numbers of `word`, which begins at `start`."""
    return (
        start,
        round(word.left / width * WHOLE),
        round(word.top / height * WHOLE),
        round(word.right / width * WHOLE),
        round(word.bottom / height * WHOLE),
    )


class LineJoiner:
    """Joins lines; it remembers which words the document writes with a hyphen of their own."""

    def __init__(self) -> None:
        self._hyphenated: set[str] = set()

    def join(self, lines: Sequence[Line], width: float, height: float) -> tuple[str, list[Box]]:
        """Return the text of `lines` as one paragraph, and its boxes."""
        text = ""
        boxes: list[Box] = []
        words = [(word, at == 0) for line in lines for at, word in enumerate(line.words)]
        for index, (word, is_first) in enumerate(words):
            if index:
                before = words[index - 1][0]
                text += self.between(before, word, is_first)
            boxes.append(box_of(word, len(text), width, height))
            text += word.text
            if "-" in word.text and len(self._hyphenated) < SEEN_MOST:
                self._hyphenated.update(w.casefold() for w in _HYPHENATED.findall(word.text))
        if words and words[-1][0].is_broken:
            text += "-"
        return text, boxes

    def between(self, before: Word, word: Word, is_first: bool) -> str:
        """Return what stands between two words: a space, a hyphen, both, or nothing.

        `is_first`: `word` begins a line.
        """
        if not before.is_broken:
            return " "
        if not is_first:
            return "- "
        start = _LETTERS.match(word.text)
        begin = start[0] if start else ""
        if begin.casefold() in _AND and begin.islower():
            return "- "
        last = _LETTERS.findall(before.text)[-1:]
        as_written = f"{''.join(last)}-{begin}".casefold()
        if not begin or not begin[0].islower() or begin in _HANGING:
            return "-"
        return "-" if as_written in self._hyphenated else ""
