"""Running heads and page numbers: lines that stand at the same place of neighbouring pages.

It does not know what else is on a page.
"""

import re

from tramontane.documents.extract.blocks import Notes
from tramontane.documents.extract.formats.pdf_words import PageText, Segment

MARGIN = 0.13  # of the page, above and below
LINES = 3  # of the outermost, on each side
SAME_PLACE = 0.012  # of the page
LARGEST = 1.3  # times the usual font size
_NUMBER = re.compile(r"\d+|\b[ivxlc]{1,7}\b")


class Running:
    """Remembers the margins of a few pages, which are added in order, AHEAD of what is asked."""

    AHEAD = 2

    def __init__(self, body_size: float, notes: Notes) -> None:
        self._body_size = body_size
        self._notes = notes
        self._margins: dict[int, list[tuple[str, float]]] = {}

    def add(self, index: int, text: PageText) -> None:
        """Remember the margins of page `index`."""
        found = [(_form(s.text), s.middle / text.height) for s in _outermost(text)]
        self._margins[index] = found
        self._margins.pop(index - 2 * self.AHEAD - 1, None)

    def without(self, index: int, text: PageText) -> list[Segment]:
        """Return the segments of page `index` less its running lines, which are noted."""
        others = [
            self._margins[near]
            for near in range(index - self.AHEAD, index + self.AHEAD + 1)
            if near != index and near in self._margins
        ]
        dropped = []
        for segment in _outermost(text):
            form, place = _form(segment.text), segment.middle / text.height
            seen = sum(_has(margins, form, place) for margins in others)
            # A small line that stands there twice is enough; a large one may be a slide's title.
            is_small = segment.size <= self._body_size * 1.05
            needed = 1 if is_small or len(others) < 3 else 2
            if seen >= needed and segment.size <= self._body_size * LARGEST:
                dropped.append(segment)
        if not dropped or len(dropped) == len(text.segments):
            return text.segments
        self._notes.add("running_lines", "Lines repeated on every page were left out of the text.")
        return [segment for segment in text.segments if not any(segment is d for d in dropped)]


def _outermost(text: PageText) -> list[Segment]:
    """Return the segments of the first and last lines that stand in the margins."""
    said = [segment for segment in text.segments if segment.ruled is None]
    top = [s for s in said if s.middle < text.height * MARGIN]
    bottom = [s for s in said if s.middle > text.height * (1 - MARGIN)]
    top.sort(key=lambda segment: segment.middle)
    bottom.sort(key=lambda segment: -segment.middle)
    return _lines(top) + _lines(bottom)


def _lines(segments: list[Segment]) -> list[Segment]:
    """Return the segments of the first LINES lines."""
    kept: list[Segment] = []
    lines = 0
    for segment in segments:
        if not kept or abs(segment.middle - kept[-1].middle) > segment.size * 0.5:
            lines += 1
        if lines > LINES:
            break
        kept.append(segment)
    return kept


def _form(text: str) -> str:
    return _NUMBER.sub("#", text.casefold())[:120]


def _has(margins: list[tuple[str, float]], form: str, place: float) -> bool:
    return any(other == form and abs(at - place) < SAME_PLACE for other, at in margins)
