"""From the words of a PDF page to paragraphs, headings, lists and tables in reading order.

The file's own order counts where it goes down the page, column by column; else the geometry. It
does not know PDFium.
"""

import itertools
import re
from collections import Counter

from tramontane.documents.extract.blocks import Block
from tramontane.documents.extract.formats import pdf_tables
from tramontane.documents.extract.formats.pdf_lines import Line, LineJoiner, chains, lines_of
from tramontane.documents.extract.formats.pdf_words import PageText, Ruled
from tramontane.documents.passage import Kind

HEADING_RATIO = 1.12
HEADING_LINES = 3
HEADING_CHARACTERS = 200
LEVELS = 6
_BULLET = re.compile(r"^(?:[•◦▪▫●○■□‣⁃∙·–—\-*✓➢]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)])\s+\S")
_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+\S")


class Layout:
    """Makes the blocks of one document's pages. `body_size`: the usual font size in points."""

    def __init__(self, body_size: float) -> None:
        self._body_size = body_size
        self._sizes: list[float] = []  # of headings, largest first
        self._joiner = LineJoiner()

    def blocks(self, text: PageText) -> list[Block]:
        """Return the blocks of one page."""
        made: list[Block] = []
        for chain in chains(text):
            for part in pdf_tables.split(chain):
                if isinstance(part, pdf_tables.Grid | Ruled):
                    rows = part.rows if isinstance(part, Ruled) else part.cells()
                    made.append(pdf_tables.block_of(rows, self._joiner, text.width, text.height))
                else:
                    made += self._paragraphs(lines_of(part), text)
        return made

    def _paragraphs(self, lines: list[Line], text: PageText) -> list[Block]:
        made = []
        for paragraph in _split(lines, self._body_size):
            kind, level = self._kind(paragraph)
            joined, boxes = self._joiner.join(paragraph, text.width, text.height)
            made.append(Block(kind, joined, level, boxes))
        return made

    def _kind(self, lines: list[Line]) -> tuple[Kind, int]:
        first = lines[0]
        if first.has_leader:
            return "list", 0
        length = sum(len(line.text) for line in lines)
        if len(lines) <= HEADING_LINES and length <= HEADING_CHARACTERS and _is_said(first.text):
            if first.size >= self._body_size * HEADING_RATIO:
                return "heading", self._level(first.size)
            ends = lines[-1].text.rstrip()[-1:]
            is_bold = all(line.is_bold for line in lines) and first.size >= self._body_size * 0.95
            is_title = length <= 120 and ends not in ".,;:" and not first.text[:1].islower()
            if is_bold and is_title:
                numbered = _NUMBERED.match(first.text)
                depth = numbered[1].count(".") + 1 if numbered else 1
                return "heading", min(LEVELS + 2, len(self._sizes) + depth)
        if _BULLET.match(first.text):
            return "list", 0
        return "text", 0

    def _level(self, size: float) -> int:
        size = round(size)
        if size not in self._sizes:
            self._sizes = sorted({*self._sizes, size}, reverse=True)[: LEVELS * 2]
        return min(LEVELS, 1 + sum(known > size for known in self._sizes))


def _is_said(text: str) -> bool:
    """Whether it has a word in it: a lone number or sign is no heading."""
    return sum(character.isalpha() for character in text) >= 3


def _split(lines: list[Line], body_size: float) -> list[list[Line]]:
    """Return paragraphs: the lines that belong together."""
    if not lines:
        return []
    pitch = _pitch(lines)
    right = max(line.right for line in lines)
    paragraphs = [[lines[0]]]
    for before, line in itertools.pairwise(lines):
        if _begins(before, line, pitch, right, paragraphs[-1], body_size):
            paragraphs.append([line])
        else:
            paragraphs[-1].append(line)
    return paragraphs


def _begins(
    before: Line, line: Line, pitch: float, right: float, paragraph: list[Line], body_size: float
) -> bool:
    """Whether `line` begins a new paragraph."""
    if before.has_leader:
        return True
    size = max(before.size, 1.0)
    step = line.middle - before.middle
    if abs(line.size - before.size) > 0.08 * size and min(len(line.text), len(before.text)) > 3:
        return True
    if line.is_bold != before.is_bold and (
        len(paragraph) <= HEADING_LINES or line.is_bold or _BULLET.match(line.text)
    ):
        return True
    usual = pitch if abs(before.size - body_size) < 1 else before.size * 1.25
    if step < -size * 0.5 or step > max(usual * 1.35, size * 1.1):
        return True
    if _BULLET.match(line.text) or (_NUMBERED.match(line.text) and _NUMBERED.match(before.text)):
        return True
    if before.is_broken:
        return False
    is_list = bool(_BULLET.match(paragraph[0].text))
    is_short = before.right < right - 0.15 * max(right - before.left, 1)
    indent = line.left - before.left
    if is_short and before.text[-1:] in '.!?:»”"' and (line.text[:1].isupper() or is_list):
        return True
    if is_list:
        return indent < -size * 0.8 and before.left > paragraph[0].left + size * 0.5
    is_indented = size * 0.8 < indent < size * 5 and len(paragraph) > 1
    return is_indented and before.text[-1:] in '.!?:»”"'


def _pitch(lines: list[Line]) -> float:
    """Return the usual distance from one line to the next, in points."""
    steps: Counter[float] = Counter()
    for before, line in itertools.pairwise(lines):
        step = line.middle - before.middle
        if 0 < step < 4 * before.size:
            steps[round(step * 2) / 2] += 1
    if not steps:
        return lines[0].size * 1.25
    return steps.most_common(1)[0][0]
