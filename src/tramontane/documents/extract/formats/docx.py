"""Word documents: paragraphs, headings by their style, lists with their numbers, tables, notes.

Inserted text counts and deleted text does not. Headers, footers and comments are not read.
"""

from collections.abc import Iterator

import msgspec

from tramontane.documents.extract import flow, xml
from tramontane.documents.extract.archive import Archive
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.building import Builder
from tramontane.documents.extract.formats import office
from tramontane.documents.extract.formats.docx_numbering import Numbering
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source

# What is deleted, moved away, or stands there a second time for older programs.
SKIPPED = frozenset(
    {"w:del", "w:moveFrom", "mc:Fallback", "w:instrText", "w:delText", "w:pPrChange"}
)
TITLE_LEVEL = 1


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts."""
    archive = Archive(source, limits)
    main = office.main_part(archive, "word/document.xml")
    yield Opened("part", title=office.title(archive))
    yield from flow.pages(_blocks(archive, main, notes))


def _blocks(archive: Archive, main: str, notes: Notes) -> Iterator[Block]:
    parts = dict(office.references(archive, main).values())
    styles = _styles(archive, parts.get("styles", "word/styles.xml"))
    numbering = Numbering.read(archive, parts.get("numbering", "word/numbering.xml"))
    for part in (main, parts.get("footnotes", ""), parts.get("endnotes", "")):
        if part == main or part in archive.names:
            yield from _Reader(styles, numbering).blocks(archive, part)


class _Style(msgspec.Struct):
    """What a style makes of its paragraphs. `level`: of a heading; `number`: its list."""

    level: int = 0
    is_list: bool = False
    number: str = ""
    depth: int = 0
    base: str = ""


def _styles(archive: Archive, part: str) -> dict[str, _Style]:
    """Return each style by its identifier, with what it takes over from those it is based on."""
    styles: dict[str, _Style] = {}
    if part not in archive.names:
        return styles
    style = _Style()
    with archive.open(part) as file:
        for event in xml.events(file):
            if not isinstance(event, xml.Start):
                continue
            value = event.attributes.get("w:val", "")
            if event.name == "w:style":
                style = styles[event.attributes.get("w:styleId", "")] = _Style()
            elif event.name == "w:basedOn":
                style.base = value
            elif event.name == "w:numId":
                style.number = value
            elif event.name == "w:ilvl" and value.isdecimal():
                style.depth = int(value[:2])
            elif event.name == "w:outlineLvl" and value.isdecimal() and int(value) < 9:
                style.level = style.level or int(value) + 1 + TITLE_LEVEL
            elif event.name == "w:name":
                _name(style, value.lower())
    for each in styles.values():
        _inherit(each, styles)
    return styles


def _name(style: _Style, name: str) -> None:
    if name == "title":
        style.level = TITLE_LEVEL
    elif name.startswith("heading ") and name[8:].isdecimal():
        style.level = int(name[8:10]) + TITLE_LEVEL
    style.is_list = name.startswith("list") and "paragraph" not in name


def _inherit(style: _Style, styles: dict[str, _Style]) -> None:
    base, steps = style.base, 0
    while base in styles and steps < 20:
        above = styles[base]
        style.level = style.level or above.level
        style.is_list = style.is_list or above.is_list
        if not style.number:
            style.number, style.depth = above.number, above.depth
        base, steps = above.base, steps + 1


class _Reader:
    """Goes through one part from its beginning to its end."""

    def __init__(self, styles: dict[str, _Style], numbering: Numbering) -> None:
        self._styles = styles
        self._numbering = numbering
        self._builder = Builder()
        self._number = ""
        self._depth: int | None = None
        self._style = _Style()
        self._skipping = 0
        self._is_text = False

    def blocks(self, archive: Archive, part: str) -> Iterator[Block]:
        """Yield the blocks of `part`."""
        with archive.open(part) as file:
            for _ in xml.walk(file, self._start, self._text, self._end):
                if self._builder.ready:
                    yield from self._builder.taken()

    def _text(self, text: str) -> None:
        if self._is_text and not self._skipping:
            self._builder.text(text)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        builder = self._builder
        if name in SKIPPED:
            self._skipping += 1
        elif self._skipping:
            return
        elif name in ("w:t", "m:t"):
            self._is_text = True
        elif name == "w:p":
            builder.begin_paragraph()
            self._number, self._depth, self._style = "", None, _Style()
        elif name in ("w:tab", "w:ptab"):
            builder.text("\t")
        elif name in ("w:br", "w:cr"):
            builder.text("\n")
        elif name == "w:noBreakHyphen":
            builder.text("-")
        elif name == "w:tbl":
            builder.begin_table()
        elif name == "w:tr":
            builder.begin_row()
        elif name == "w:tc":
            builder.begin_cell()
        else:
            self._property(name, attributes.get("w:val", ""))

    def _property(self, name: str, value: str) -> None:
        """Take in what a paragraph says of itself."""
        if name == "w:pStyle":
            self._style = self._styles.get(value, self._style)
        elif name == "w:numId":
            self._number = value
        elif name == "w:ilvl" and value.isdecimal():
            self._depth = int(value[:2])
        elif name == "w:outlineLvl" and value.isdecimal() and int(value) < 9:
            self._builder.retell("heading", int(value) + 1 + TITLE_LEVEL)

    def _told(self) -> None:
        """The paragraph has said all it says of itself; 0 is the list of those in no list."""
        builder, style = self._builder, self._style
        number = self._number or style.number
        is_list = style.is_list or number not in ("", "0")
        if style.level and not builder.is_heading:
            builder.retell("heading", style.level)
        elif is_list and self._number != "0" and not builder.is_heading:
            builder.retell("list")
        if number not in ("", "0"):
            depth = style.depth if self._depth is None else self._depth
            builder.label(self._numbering.label(number, depth))

    def _end(self, name: str) -> None:
        builder = self._builder
        if name in SKIPPED:
            self._skipping -= 1
        elif self._skipping:
            return
        elif name in ("w:t", "m:t"):
            self._is_text = False
        elif name == "w:pPr":
            self._told()
        elif name == "w:p":
            builder.end_paragraph()
        elif name == "w:tc":
            builder.end_cell()
        elif name == "w:tr":
            builder.end_row()
        elif name == "w:tbl":
            builder.end_table()
