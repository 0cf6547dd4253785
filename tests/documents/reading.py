"""A document read in the test's own process, without limits: quick, for what formats give."""

import os
from pathlib import Path

import msgspec

from tramontane.documents.extract import Began, Ended, Limits, PageRead
from tramontane.documents.extract.__main__ import lines
from tramontane.documents.extract.records import At, Order, Refused
from tramontane.documents.passage import Passage


class Reading(msgspec.Struct):
    """What the child would have said."""

    began: Began
    pages: list[PageRead]
    ended: Ended

    @property
    def passages(self) -> list[Passage]:
        """All of them."""
        return [passage for page in self.pages for passage in page.passages]

    def texts(self, kind: str | None = None) -> list[str]:
        """Return the texts of all passages, or of those of `kind`."""
        return [each.text for each in self.passages if kind in (None, each.kind)]

    @property
    def notes(self) -> dict[str, tuple[int, ...]]:
        """Each note's code with its pages."""
        return {note.code: note.pages for note in self.ended.notes}


def read(path: Path, name: str | None = None, limits: Limits | None = None) -> Reading:
    """Return what `path` holds. Raises AssertionError where it is refused."""
    said = answers(path, name, limits)
    assert not isinstance(said[-1], Refused), said[-1]
    began, *pages, ended = said
    assert isinstance(began, Began) and isinstance(ended, Ended)
    return Reading(began, [page for page in pages if isinstance(page, PageRead)], ended)


def refusal(path: Path, name: str | None = None, limits: Limits | None = None) -> Refused:
    """Return why `path` is refused."""
    last = answers(path, name, limits)[-1]
    assert isinstance(last, Refused), last
    return last


def answers(
    path: Path, name: str | None = None, limits: Limits | None = None
) -> list[Began | PageRead | Ended | Refused]:
    """Return each line that the child would have said."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        order = Order(name=name or path.name, descriptor=descriptor, limits=limits or Limits())
        return [line for line in lines(order) if not isinstance(line, At)]
    finally:
        os.close(descriptor)
