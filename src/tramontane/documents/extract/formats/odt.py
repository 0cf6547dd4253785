"""OpenDocument text: paragraphs, headings, lists, tables, notes at the end.

Deleted text and comments are not read.
"""

from collections.abc import Iterator

from tramontane.documents.extract import flow, xml
from tramontane.documents.extract.archive import Archive
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.building import Builder
from tramontane.documents.extract.formats.office import text_of
from tramontane.documents.extract.reasons import Unreadable
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source

SKIPPED = frozenset({"text:tracked-changes", "office:annotation", "text:note-citation"})
SPACES_MOST = 100
MANIFEST = "META-INF/manifest.xml"


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts. Raises Unreadable where it needs a password."""
    archive = Archive(source, limits)
    require_open(archive)
    yield Opened("part", title=text_of(archive, "meta.xml", "dc:title"))
    yield from flow.pages(_Reader().blocks(archive))


def require_open(archive: Archive) -> None:
    """Raise Unreadable where an OpenDocument file needs a password."""
    if MANIFEST not in archive.names:
        return
    with archive.open(MANIFEST) as file:
        for event in xml.events(file):
            if isinstance(event, xml.Start) and event.name == "manifest:encryption-data":
                raise Unreadable(
                    "encrypted",
                    "The file is protected with a password. Save a copy without one and add that.",
                )


class _Reader:
    """Goes through the content from its beginning to its end."""

    def __init__(self) -> None:
        self._builder = Builder()
        self._skipping = 0
        self._lists = 0
        self._repeated: list[int] = []

    def blocks(self, archive: Archive) -> Iterator[Block]:
        """Yield the blocks."""
        with archive.open("content.xml") as file:
            for _ in xml.walk(file, self._start, self._text, self._end):
                if self._builder.ready:
                    yield from self._builder.taken()

    def _text(self, text: str) -> None:
        if not self._skipping:
            self._builder.text(text.replace("\n", " "))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        builder = self._builder
        if name in SKIPPED:
            self._skipping += 1
        elif self._skipping:
            return
        elif name == "text:h":
            level = attributes.get("text:outline-level", "1")
            builder.begin_paragraph("heading", int(level) if level.isdecimal() else 1)
        elif name == "text:p":
            builder.begin_paragraph("list" if self._lists else "text")
        elif name == "text:s":
            builder.text(" " * _count(attributes.get("text:c"), SPACES_MOST))
        elif name in ("text:tab", "text:line-break"):
            builder.text("\t" if name == "text:tab" else "\n")
        elif name == "text:list":
            self._lists += 1
        elif name == "table:table":
            builder.begin_table()
        elif name == "table:table-row":
            builder.begin_row()
        elif name in ("table:table-cell", "table:covered-table-cell"):
            builder.begin_cell()
            self._repeated.append(_count(attributes.get("table:number-columns-repeated"), 10_000))

    def _end(self, name: str) -> None:
        builder = self._builder
        if name in SKIPPED:
            self._skipping -= 1
        elif self._skipping:
            return
        elif name in ("text:h", "text:p"):
            builder.end_paragraph()
        elif name == "text:list":
            self._lists -= 1
        elif name in ("table:table-cell", "table:covered-table-cell"):
            builder.end_cell(self._repeated.pop())
        elif name == "table:table-row":
            builder.end_row()
        elif name == "table:table":
            builder.end_table()


def _count(value: str | None, most: int) -> int:
    return min(int(value), most) if value and value.isdecimal() and len(value) < 10 else 1
