"""What the extraction child and its parent say to each other, and the limits it works under.

The child is given `Order` as one line of JSON on stdin, with the document as an open file, and
answers with one line for each of Began, PageRead and Ended, or with Refused. It knows no format.
"""

import msgspec

from tramontane.documents.passage import Passage

MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What reading one document may take. Memory is of addresses, where the system can limit it."""

    file_bytes: int = 1024 * MIB
    memory_bytes: int = 1024 * MIB
    cpu_s: int = 600
    wall_s: float = 900.0  # of waiting for the child; the reader's own time does not count
    silence_s: float = 120.0  # without a word from the child
    output_bytes: int = 512 * MIB
    pages: int = 20_000
    unpacked_bytes: int = 512 * MIB  # of everything in a zipped document
    entries: int = 20_000  # files in a zipped document


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to read: the document is open at `descriptor`; `name` is only compared with it.

    `skipped`: pages that an earlier child did not survive.
    """

    name: str
    descriptor: int
    limits: Limits
    skipped: tuple[int, ...] = ()


class Note(msgspec.Struct, frozen=True):
    """Something to know about a document that was read all the same; `pages` where it holds."""

    code: str
    message: str
    pages: tuple[int, ...] = ()


class Began(msgspec.Struct, frozen=True, tag="began"):
    """What the document is. `label` says what it has: page, slide, sheet or part.

    `pages`: how many, None where only the end shows. `is_table`: its rows can be asked by SQL.
    """

    kind: str
    label: str
    pages: int | None = None
    title: str | None = None
    is_table: bool = False


class At(msgspec.Struct, frozen=True, tag="at"):
    """The child begins with this page: where it is lost next, this page is why. Not passed on."""

    page: int


class PageRead(msgspec.Struct, frozen=True, tag="page"):
    """One page's passages, none on an empty one. `is_scanned`: a picture of text without text."""

    page: int
    passages: list[Passage]
    is_scanned: bool = False


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The whole document was read: `language` that most of it is in, and how many pages it has."""

    language: str | None
    notes: list[Note]
    pages: int


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The document cannot be read; `reason` is a key of `reasons.CODES`."""

    reason: str
    message: str


Line = Began | PageRead | Ended | Refused | At
