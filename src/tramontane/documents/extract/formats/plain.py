"""Plain text: paragraphs between empty lines, in whatever encoding."""

from collections.abc import Iterator

from tramontane.documents.extract import flow
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts."""
    text = source.map[:].decode("utf-8", "replace")
    yield Opened("part")
    yield from flow.pages(Block("text", p) for p in text.split("\n\n") if p.strip())
