"""The words of one PDF page as PDFium gives them: their text, where they stand, how large they are.

Coordinates are points of the page as it is shown (rotated and cropped), from its top left corner.
It does not know reading order: words come as the file has them.
"""

import ctypes
import math
import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pypdfium2
import pypdfium2.raw as pdfium

from tramontane.documents.passage import WHOLE

CHARACTERS_MOST = 100_000  # of one page
LINE_END_HYPHEN = 2  # what PDFium puts where a word is broken at the end of a line
HYPHENS = "-\u00ad\u2010"
NUMBERS_GAP = 0.7  # the same between two numbers
LEADER_LEAST = 4  # dots
LARGE = 13.0  # points: from here on a heading's, whose letters are looked at one by one
APART_LEAST = 4  # letters
BLANK = 0.15  # in font sizes: at least so wide is a gap that stands for a blank,
TRACKED = 0.06  # where no other in the word is wider than this
CELL_GAP = 1.6  # in font sizes: words further apart than this are in two cells or columns
_DOTS = ".·…_"
_LEADER = re.compile(r"[.·…_]{4,}")
_BOLD = ("bold", "black", "heavy", "semibold", "demi")

Shown = tuple[float, float, float, float, float, float]


class Word(msgspec.Struct):
    """A word, or the part of one on this line; `is_broken`: it goes on in the next line."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    is_broken: bool = False


class Ruled(msgspec.Struct):
    """A table between lines: its rows of cells of words."""

    rows: list[list[list[Word]]]


class Segment(msgspec.Struct):
    """Words that follow each other on one line without a wide gap. `size`: of the font, points.

    One that is `ruled` stands for a whole table, and has no words of its own.
    """

    words: list[Word]
    left: float
    top: float
    right: float
    bottom: float
    size: float
    is_bold: bool = False
    has_leader: bool = False  # dots that lead the eye to a page number; they are left out
    ruled: Ruled | None = None

    @property
    def text(self) -> str:
        """Its words, as they stand there."""
        return " ".join(word.text for word in self.words)

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return (self.top + self.bottom) / 2


class PageText(msgspec.Struct):
    """What one page holds. `unmapped`: the share of characters whose meaning the file hides.

    `shown` maps the page's own coordinates to points as shown.
    """

    width: float
    height: float
    segments: list[Segment]
    characters: int = 0
    unmapped: float = 0.0
    is_cut: bool = False
    is_damaged: bool = False
    is_filled_in: bool = False  # a form's fields come last in the file, wherever they stand
    shown: Shown = (1.0, 0.0, 0.0, -1.0, 0.0, 0.0)


def read_page(page: pypdfium2.PdfPage) -> PageText:
    """Return the words of `page` in the file's order."""
    width, height = page.get_size()
    text_page = page.get_textpage()
    try:
        count = max(0, text_page.count_chars())
        shown = _shown(page, width, height)
        reader = _Reader(text_page.raw, min(count, CHARACTERS_MOST), shown)
        segments = list(reader.segments())
    finally:
        text_page.close()
    is_cut = count > CHARACTERS_MOST
    return PageText(
        width, height, segments, reader.characters, reader.unmapped, is_cut, shown=shown
    )


class _Reader:
    """Goes through the characters of one page."""

    def __init__(self, text_page: "pdfium.FPDF_TEXTPAGE", count: int, shown: Shown) -> None:
        self._page = text_page
        code_at = pdfium.FPDFText_GetUnicode
        self._codes = [code_at(text_page, index) for index in range(count)]
        self._shown = shown
        self._box = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self.characters = sum(code > 32 for code in self._codes)
        strange = sum(
            code == 0 or code == 0xFFFD or 0xE000 <= code < 0xF900 for code in self._codes
        )
        self.unmapped = strange / max(1, self.characters)

    def segments(self) -> Iterator[Segment]:
        """Yield lines, or the parts of a line between wide gaps."""
        current: Segment | None = None
        firsts: list[int] = []
        for first, word, is_new_line in self._words():
            if current is None or is_new_line or not _goes_on(current, word):
                if current is not None:
                    yield self._whole(current, firsts)
                size = word.bottom - word.top  # until the font is looked at
                current = Segment([], word.left, word.top, word.right, word.bottom, size)
                firsts = []
            current.words.append(word)
            current.left = min(current.left, word.left)
            current.right = max(current.right, word.right)
            current.top = min(current.top, word.top)
            current.bottom = max(current.bottom, word.bottom)
            firsts.append(first)
        if current is not None:
            yield self._whole(current, firsts)

    def _whole(self, segment: Segment, firsts: list[int]) -> Segment:
        """Return `segment` with the font of its beginning, middle and end; `firsts`: characters.

        A bullet has a font of its own, and so may have one word among others.
        """
        words = segment.words
        begin = 1 if len(words) > 1 and not words[0].text[:1].isalnum() else 0
        looked_at = sorted({begin, (begin + len(words)) // 2, len(words) - 1})
        fonts = [self._font(firsts[at], words[at]) for at in looked_at]
        segment.size = sorted(size for size, _ in fonts)[len(fonts) // 2]
        segment.is_bold = all(is_bold for _, is_bold in fonts)
        if segment.size >= LARGE:
            pairs = zip(firsts, words, strict=True)
            segment.words = [part for at, word in pairs for part in self._apart(at, word, segment)]
        return _without_leader(segment)

    def _apart(self, first: int, word: Word, segment: Segment) -> list[Word]:
        """Return `word` as two where one gap in it is a blank's: kerned headings have none of
        their own, and PDFium overlooks one between narrow letters.
        """
        text = word.text
        is_plain = [*map(ord, text)] == self._codes[first : first + len(text)]
        if len(text) < APART_LEAST or not text.isalpha() or not is_plain or word.is_broken:
            return [word]
        areas = [self._area(first + at) for at in range(len(text))]
        gaps = [after[0] - before[2] for before, after in pairwise(areas)]
        *_, next_widest, widest = sorted(gaps)
        if widest < BLANK * segment.size or next_widest > TRACKED * segment.size:
            return [word]
        at = gaps.index(widest) + 1
        left = Word(text[:at], word.left, word.top, areas[at - 1][2], word.bottom)
        return [left, Word(text[at:], areas[at][0], word.top, word.right, word.bottom)]

    def _words(self) -> Iterator[tuple[int, Word, bool]]:
        """Yield the index of each word's first character, the word, and whether a line begins."""
        begin = -1
        is_new_line = True
        for index, code in enumerate([*self._codes, 32]):
            is_break = code == LINE_END_HYPHEN
            if not is_break and code > 32 and code not in (0xA0, 0x2028, 0x2029):
                if begin < 0:
                    begin = index
                continue
            if begin >= 0:
                word = self._word(begin, index, is_break)
                if word is not None:
                    yield begin, word, is_new_line
                    is_new_line = False
                begin = -1
            is_new_line = is_new_line or is_break or code in (10, 13)

    def _word(self, begin: int, end: int, is_break: bool) -> Word | None:
        text = "".join(map(_character, self._codes[begin:end]))
        left, top, right, bottom = self._area(begin)
        if end - begin > 1 or is_break:
            other = self._area(end if is_break else end - 1)
            left, top = min(left, other[0]), min(top, other[1])
            right, bottom = max(right, other[2]), max(bottom, other[3])
        is_broken = is_break or (len(text) > 1 and text[-1] in HYPHENS)
        return Word(
            text.rstrip(HYPHENS) or text if is_broken else text, left, top, right, bottom, is_broken
        )

    def _area(self, index: int) -> tuple[float, float, float, float]:
        box = self._box
        pdfium.FPDFText_GetLooseCharBox(self._page, index, box)
        a, b, c, d, e, f = self._shown
        x1, y1 = a * box.left + c * box.bottom + e, b * box.left + d * box.bottom + f
        x2, y2 = a * box.right + c * box.top + e, b * box.right + d * box.top + f
        return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)

    def _font(self, index: int, word: Word) -> tuple[float, bool]:
        """Return the font's size as shown, in points, and whether it is bold."""
        size = pdfium.FPDFText_GetFontSize(self._page, index)
        if pdfium.FPDFText_GetMatrix(self._page, index, self._matrix):
            size *= math.hypot(self._matrix.c, self._matrix.d)
        height = word.bottom - word.top
        if not math.isfinite(size) or not height * 0.3 <= size <= height * 3:
            size = height
        pdfium.FPDFText_GetFontInfo(self._page, index, self._name, 128, self._flags)
        name = self._name.value.decode("utf-8", "replace").lower()
        weight = pdfium.FPDFText_GetFontWeight(self._page, index)
        return round(size, 1), weight >= 600 or any(part in name for part in _BOLD)


def _shown(page: pypdfium2.PdfPage, width: float, height: float) -> Shown:
    """Return the affine map from the page's own coordinates to points as shown, y downwards."""
    x, y = ctypes.c_int(), ctypes.c_int()
    found = []
    reach = 1_000.0
    for point in ((0.0, 0.0), (reach, 0.0), (0.0, reach)):
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, WHOLE, WHOLE, 0, *point, x, y)
        found.append((x.value * width / WHOLE, y.value * height / WHOLE))
    (e, f), (ax, ay), (cx, cy) = found
    return (ax - e) / reach, (ay - f) / reach, (cx - e) / reach, (cy - f) / reach, e, f


def _character(code: int) -> str:
    if code == 0:
        return "\ufffd"
    if code == 0xAD:
        return ""
    return chr(code) if code < 0x110000 else "\ufffd"


def _without_leader(segment: Segment) -> Segment:
    """Return `segment` without the dots between a title and its page number."""
    count = sum(word.text.count(".") + word.text.count("…") * 3 for word in segment.words)
    if count < LEADER_LEAST:
        return segment
    kept = [part for word in segment.words for part in _around_dots(word)]
    alone = [not word.text.strip(_DOTS) for word in kept]
    if sum(alone) >= LEADER_LEAST:
        kept = [word for word, is_dots in zip(kept, alone, strict=True) if not is_dots]
    if kept and kept != segment.words:
        segment.words = kept
        segment.has_leader = True
    return segment


def _around_dots(word: Word) -> list[Word]:
    """Return what stands before and after a row of dots in `word`."""
    row = _LEADER.search(word.text)
    if row is None:
        return [word]
    before, after = word.text[: row.start()], word.text[row.end() :]
    each = (word.right - word.left) / len(word.text)
    made = []
    if before:
        right = word.left + each * len(before)
        made.append(Word(before, word.left, word.top, right, word.bottom))
    if after:
        left = word.right - each * len(after)
        made.append(Word(after, left, word.top, word.right, word.bottom, word.is_broken))
    return made


def _goes_on(segment: Segment, word: Word) -> bool:
    """Whether `word` stands on the same line, not far to the right of what is there."""
    last = segment.words[-1]
    shared = min(last.bottom, word.bottom) - max(last.top, word.top)
    if shared * 2 < min(last.bottom - last.top, word.bottom - word.top):
        return False
    are_numbers = _is_number(last.text) and _is_number(word.text)
    gap = NUMBERS_GAP if are_numbers else CELL_GAP
    return -segment.size * 0.5 <= word.left - last.right <= segment.size * gap


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text[-1:].isdigit()
