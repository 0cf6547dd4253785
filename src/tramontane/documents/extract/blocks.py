"""What every format gives: blocks of text in reading order, page by page.

It does not know passages, which are made of them.
"""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from tramontane.documents.extract.records import At, Limits, Note
from tramontane.documents.extract.source import Source
from tramontane.documents.passage import Box, Kind


class Block(msgspec.Struct):
    """A paragraph, a heading of `level` 1 to 9, a table or a list; `boxes` as in a passage."""

    kind: Kind
    text: str
    level: int = 0
    boxes: list[Box] = []


class Opened(msgspec.Struct):
    """The first thing a format says: what the document is called and how many pages it has."""

    label: str
    pages: int | None = None
    title: str | None = None
    is_table: bool = False


class Page(msgspec.Struct):
    """The blocks of one page, numbered from 1."""

    number: int
    blocks: list[Block]
    is_scanned: bool = False


class Notes:
    """What is to be known about the document; the same code is told once, with all its pages."""

    def __init__(self) -> None:
        self._notes: dict[str, tuple[str, list[int]]] = {}

    def add(self, code: str, message: str, page: int | None = None) -> None:
        """Note `message`, for `page` where it holds for one."""
        pages = self._notes.setdefault(code, (message, []))[1]
        if page is not None and (not pages or pages[-1] != page):
            pages.append(page)

    def all(self) -> list[Note]:
        """Return them in the order they came."""
        return [Note(code, message, tuple(pages)) for code, (message, pages) in self._notes.items()]


class Reader(Protocol):
    """How each format is read: Opened once, then its pages in order."""

    def __call__(
        self, source: Source, limits: Limits, notes: Notes
    ) -> Iterator[Opened | Page | At]:
        """Raise Unreadable where it cannot be read."""
        ...
