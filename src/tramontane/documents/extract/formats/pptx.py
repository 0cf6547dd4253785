"""Slides: their titles, points, tables, diagrams and the speaker's notes, slide by slide.

Footers and slide numbers are not read, nor the values behind charts.
"""

from collections.abc import Iterator

from tramontane.documents.extract import xml
from tramontane.documents.extract.archive import Archive
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.building import Builder
from tramontane.documents.extract.formats import office
from tramontane.documents.extract.reasons import corrupt
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source
from tramontane.documents.passage import Kind

TITLES = frozenset({"title", "ctrTitle"})
LEFT_OUT = frozenset({"ftr", "sldNum", "dt", "hdr", "sldImg"})


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the slides in the order they are shown."""
    archive = Archive(source, limits)
    main = office.main_part(archive, "ppt/presentation.xml")
    slides = _slides(archive, main)
    if not slides:
        raise corrupt("The file holds no slides.")
    yield Opened("slide", len(slides), office.title(archive))
    for number, slide in enumerate(slides, 1):
        yield Page(number, _blocks(archive, slide))


def _slides(archive: Archive, main: str) -> list[str]:
    parts = office.references(archive, main)
    found = []
    with archive.open(main) as file:
        for event in xml.events(file):
            if isinstance(event, xml.Start) and event.name == "p:sldId":
                kind, part = parts.get(event.attributes.get("r:id", ""), ("", ""))
                if kind == "slide" and part in archive.names:
                    found.append(part)
    return found


def _blocks(archive: Archive, slide: str) -> list[Block]:
    blocks = _Reader().blocks(archive, slide)
    blocks.sort(key=lambda block: block.kind != "heading")  # the title may lie above the rest
    for kind, part in office.references(archive, slide).values():
        if part in archive.names and kind in ("notesSlide", "diagramData"):
            blocks += _Reader(are_notes=kind == "notesSlide").blocks(archive, part)
    return blocks


class _Reader:
    """Goes through one slide, its notes or a diagram."""

    def __init__(self, *, are_notes: bool = False) -> None:
        self._are_notes = are_notes
        self._builder = Builder()
        self._placeholder: str | None = None
        self._is_text = False
        self._skipping = 0

    def blocks(self, archive: Archive, part: str) -> list[Block]:
        """Return the blocks of `part`."""
        with archive.open(part) as file:
            for _ in xml.walk(file, self._start, self._text, self._end):
                pass
        return self._builder.taken()

    def _text(self, text: str) -> None:
        if self._is_text and not self._skipping:
            self._builder.text(text)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        builder = self._builder
        if name == "mc:Fallback":
            self._skipping += 1
        elif name == "p:sp":
            self._placeholder = None
        elif name == "p:ph":
            self._placeholder = attributes.get("type", "body")
        elif name == "a:p":
            is_title = self._placeholder in TITLES
            builder.begin_paragraph("heading" if is_title else self._kind(), int(is_title))
        elif name == "a:t":
            self._is_text = not self._is_left_out()
        elif name == "a:br":
            builder.text("\n")
        elif name == "a:tbl":
            self._placeholder = None
            builder.begin_table()
        elif name == "a:tr":
            builder.begin_row()
        elif name == "a:tc":
            builder.begin_cell()

    def _kind(self) -> Kind:
        is_points = self._placeholder in ("body", "obj") and not self._are_notes
        return "list" if is_points else "text"

    def _is_left_out(self) -> bool:
        return self._placeholder in LEFT_OUT

    def _end(self, name: str) -> None:
        builder = self._builder
        if name == "mc:Fallback":
            self._skipping -= 1
        elif name == "a:t":
            self._is_text = False
        elif name == "a:p":
            builder.end_paragraph()
        elif name == "a:tc":
            builder.end_cell()
        elif name == "a:tr":
            builder.end_row()
        elif name == "a:tbl":
            builder.end_table()
