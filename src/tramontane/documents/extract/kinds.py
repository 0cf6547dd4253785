"""Which kind of document some bytes are: found from the bytes alone, never from the name.

It does not read documents; `reader` says who does.
"""

from pathlib import PurePosixPath

from tramontane.documents.extract.blocks import Notes, Reader
from tramontane.documents.extract.formats import pdf, plain
from tramontane.documents.extract.reasons import Unreadable
from tramontane.documents.extract.source import Source

READERS: dict[str, Reader] = {"pdf": pdf.read, "txt": plain.read}


def kind_of(source: Source) -> str:
    """Return the kind. Raises Unreadable for what nothing here reads."""
    head = source.head(1_024)
    if b"%PDF-" in head:
        return "pdf"
    return "txt"


def reader(kind: str) -> Reader:
    """Return what reads `kind`."""
    try:
        return READERS[kind]
    except KeyError:
        raise Unreadable("unsupported", f"A file of kind {kind} cannot be read.") from None


def compare(kind: str, name: str, notes: Notes) -> None:
    """Note where the ending of `name` is that of another kind."""
    ending = PurePosixPath(name.replace("\\", "/")).suffix.lower().lstrip(".")
    if ending in READERS and ending != kind:
        notes.add("other_kind", f"Its name ends in .{ending}, but it is a {kind} file.")
