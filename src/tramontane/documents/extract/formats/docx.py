"""Word documents: paragraphs, headings by their style, lists, tables, foot- and endnotes.

Inserted text counts and deleted text does not. Headers, footers and comments are not read.
"""

from collections.abc import Iterator

from tramontane.documents.extract import flow, xml
from tramontane.documents.extract.archive import Archive
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.building import Builder
from tramontane.documents.extract.formats import office
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source

# What is deleted, moved away, or stands there a second time for older programs.
SKIPPED = frozenset({"w:del", "w:moveFrom", "mc:Fallback", "w:instrText", "w:delText"})
TITLE_LEVEL = 1


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts."""
    archive = Archive(source, limits)
    main = office.main_part(archive, "word/document.xml")
    yield Opened("part", title=office.title(archive))
    yield from flow.pages(_blocks(archive, main, notes))


def _blocks(archive: Archive, main: str, notes: Notes) -> Iterator[Block]:
    parts = dict(office.references(archive, main).values())
    levels, lists = _styles(archive, parts.get("styles", "word/styles.xml"))
    for part in (main, parts.get("footnotes", ""), parts.get("endnotes", "")):
        if part == main or part in archive.names:
            yield from _Reader(levels, lists).blocks(archive, part)


def _styles(archive: Archive, part: str) -> tuple[dict[str, int], set[str]]:
    """Return the level of each style that heads something, and the styles of lists."""
    levels: dict[str, int] = {}
    lists: set[str] = set()
    bases: dict[str, str] = {}
    if part not in archive.names:
        return levels, lists
    style = ""
    with archive.open(part) as file:
        for event in xml.events(file):
            if not isinstance(event, xml.Start):
                continue
            value = event.attributes.get("w:val", "")
            if event.name == "w:style":
                style = event.attributes.get("w:styleId", "")
            elif event.name == "w:basedOn":
                bases[style] = value
            elif event.name == "w:outlineLvl":
                _set_level(levels, style, value)
            elif event.name == "w:name":
                name = value.lower()
                if name == "title":
                    levels[style] = TITLE_LEVEL
                elif name.startswith("heading ") and name[8:].isdigit():
                    levels[style] = int(name[8:]) + TITLE_LEVEL
                elif name.startswith("list") and "paragraph" not in name:
                    lists.add(style)
    for name in bases:
        base, steps = name, 0
        while base not in levels and base in bases and steps < 20:
            base, steps = bases[base], steps + 1
        if base in levels and base != name:
            levels.setdefault(name, levels[base])
    return levels, lists


def _set_level(levels: dict[str, int], style: str, value: str) -> None:
    if value.isdigit() and int(value) < 9:
        levels.setdefault(style, int(value) + 1 + TITLE_LEVEL)


class _Reader:
    """Goes through one part from its beginning to its end."""

    def __init__(self, levels: dict[str, int], lists: set[str]) -> None:
        self._levels = levels
        self._lists = lists
        self._builder = Builder()
        self._skipping = 0
        self._is_text = False

    def blocks(self, archive: Archive, part: str) -> Iterator[Block]:
        """Yield the blocks of `part`."""
        with archive.open(part) as file:
            for event in xml.events(file):
                if isinstance(event, str):
                    if self._is_text and not self._skipping:
                        self._builder.text(event)
                elif isinstance(event, xml.Start):
                    self._start(event.name, event.attributes)
                else:
                    self._end(event.name)
                    if self._builder.ready:
                        yield from self._builder.taken()

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
        builder = self._builder
        if name == "w:pStyle":
            if value in self._levels:
                builder.retell("heading", self._levels[value])
            elif value in self._lists:
                builder.retell("list")
        elif name == "w:numId" and value != "0" and not builder.is_heading:
            builder.retell("list")
        elif name == "w:outlineLvl" and value.isdigit() and int(value) < 9:
            builder.retell("heading", int(value) + 1 + TITLE_LEVEL)

    def _end(self, name: str) -> None:
        builder = self._builder
        if name in SKIPPED:
            self._skipping -= 1
        elif self._skipping:
            return
        elif name in ("w:t", "m:t"):
            self._is_text = False
        elif name == "w:p":
            builder.end_paragraph()
        elif name == "w:tc":
            builder.end_cell()
        elif name == "w:tr":
            builder.end_row()
        elif name == "w:tbl":
            builder.end_table()
