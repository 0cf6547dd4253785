"""PDF: page by page through PDFium, with the rectangle of each word.

Lines that stand at the same place of the neighbouring pages (running heads, page numbers) are left
out and noted; a page that is only a picture is said to be scanned. What is filled into a form is
read like the rest; comments are not.
"""

import itertools
import re
from collections import Counter, deque
from collections.abc import Generator, Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from tramontane.documents.extract.blocks import Notes, Opened, Page
from tramontane.documents.extract.formats import pdf_rules
from tramontane.documents.extract.formats.pdf_layout import Layout
from tramontane.documents.extract.formats.pdf_running import Running
from tramontane.documents.extract.formats.pdf_words import PageText, read_page
from tramontane.documents.extract.reasons import Unreadable, corrupt
from tramontane.documents.extract.records import At, Limits
from tramontane.documents.extract.source import Source

SAMPLED_PAGES = 12
TEXT_LEAST = 16  # characters; a page with fewer may be a scan with a stamp on it
ANNOTATIONS_MOST = 2_000  # of one page are looked at
PICTURE_LEAST = 0.4  # of the page
DRAWN_LEAST = 300  # lines and curves: letters that are drawn, or a map
OBJECTS_MOST = 5_000
UNMAPPED_MOST = 0.3
_NO_TITLE = re.compile(r"^(untitled|microsoft word|.*\.(docx?|indd|qxd|rtf|pdf|tex|dvi)$)", re.I)


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page | At]:
    """Yield the pages. Raises Unreadable where it needs a password or is damaged."""
    document = _opened(source)
    count = len(document)
    yield Opened("page", min(count, limits.pages), _title(document))
    body_size = yield from _body_size(document, source.skipped)
    layout = Layout(body_size)
    running = Running(body_size, notes)
    scanned = _Pictures(document, notes)
    waiting: deque[tuple[int, PageText]] = deque()
    for index in range(count):
        yield At(index + 1)
        if index + 1 in source.skipped:
            text = _damaged(index, notes)
        else:
            text = _page_text(document, index, notes)
        running.add(index, text)
        waiting.append((index, text))
        if len(waiting) > Running.AHEAD:
            yield _page(*waiting.popleft(), layout, running, scanned)
    while waiting:
        yield _page(*waiting.popleft(), layout, running, scanned)


def _page(
    index: int, text: PageText, layout: Layout, running: Running, scanned: "_Pictures"
) -> Page:
    is_scanned = scanned.is_one(index, text)
    text.segments = running.without(index, text)
    return Page(index + 1, layout.blocks(text), is_scanned)


def _opened(source: Source) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(source.array())
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Unreadable(
                "encrypted",
                "The PDF is protected with a password. Save a copy without one and add that.",
            ) from None
        raise corrupt(
            "The PDF is damaged and cannot be opened. Save it anew from the program that made it."
        ) from None


def _title(document: pypdfium2.PdfDocument) -> str | None:
    title = document.get_metadata_value("Title").strip()
    return None if not title or _NO_TITLE.match(title) else title


def _page_text(
    document: pypdfium2.PdfDocument, index: int, notes: Notes, *, with_rules: bool = True
) -> PageText:
    """Return what page `index` holds; nothing where it is damaged, which is noted."""
    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return _damaged(index, notes)
    try:
        is_filled_in = _is_filled_in(page)
        if is_filled_in:
            pdfium.FPDFPage_Flatten(page.raw, pdfium.FLAT_NORMALDISPLAY)  # in memory only
            page.close()
            page = document[index]
        text = read_page(page)
        text.is_filled_in = is_filled_in
        if with_rules:
            text.segments = pdf_rules.with_tables(page, text.shown, text.segments)
    except pypdfium2.PdfiumError:
        return _damaged(index, notes)
    finally:
        page.close()
    if text.is_cut:
        notes.add("page_cut", "A page holds more text than is read of one page.", index + 1)
    if text.unmapped > UNMAPPED_MOST:
        notes.add(
            "hidden_text",
            "The file does not say what its letters mean here, so the text may be wrong.",
            index + 1,
        )
    return text


def _is_filled_in(page: pypdfium2.PdfPage) -> bool:
    """Whether fields of a form, or words written on top, stand beside the page's own text."""
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page.raw), ANNOTATIONS_MOST)):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        pdfium.FPDFPage_CloseAnnot(annotation)
        if kind in (pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_FREETEXT):
            return True
    return False


def _damaged(index: int, notes: Notes) -> PageText:
    notes.add("damaged_pages", "Pages that are damaged could not be read.", index + 1)
    return PageText(612, 792, [], is_damaged=True)


def _body_size(
    document: pypdfium2.PdfDocument, skipped: frozenset[int]
) -> Generator[At, None, float]:
    """Return the font size that most characters of some pages have, in points."""
    count = len(document)
    step = max(1, count // SAMPLED_PAGES)
    sizes: Counter[float] = Counter()
    for index in range(min(step // 2, count - 1), count, step):
        if index + 1 in skipped:
            continue
        yield At(index + 1)
        for segment in _page_text(document, index, Notes(), with_rules=False).segments:
            sizes[round(segment.size * 2) / 2] += len(segment.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


class _Pictures:
    """Finds pages that are pictures of text."""

    def __init__(self, document: pypdfium2.PdfDocument, notes: Notes) -> None:
        self._document = document
        self._notes = notes

    def is_one(self, index: int, text: PageText) -> bool:
        """Whether the page is scanned; it is noted."""
        if text.is_damaged or text.characters >= TEXT_LEAST or not self._has_picture(index):
            return False
        self._notes.add(
            "scanned",
            "Scanned pages are pictures without text, so they cannot be searched. "
            "Have a program recognise their text (OCR) and add the file anew.",
            index + 1,
        )
        return True

    def _has_picture(self, index: int) -> bool:
        try:
            page = self._document[index]
        except pypdfium2.PdfiumError:
            return False
        try:
            width, height = page.get_size()
            covered = 0.0
            drawn = 0
            kinds = [pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH]
            for each in itertools.islice(page.get_objects(kinds, max_depth=3), OBJECTS_MOST):
                if each.type == pdfium.FPDF_PAGEOBJ_PATH:
                    drawn += 1
                    continue
                left, bottom, right, top = each.get_bounds()
                covered += max(0.0, right - left) * max(0.0, top - bottom)
            return bool(covered >= PICTURE_LEAST * width * height or drawn >= DRAWN_LEAST)
        except pypdfium2.PdfiumError:
            return False
        finally:
            page.close()
