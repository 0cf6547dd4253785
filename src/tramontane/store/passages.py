"""Passages of documents, in the order in which they stand, with what is searched of them.

It does not know how a document becomes passages, nor how they are searched: it keeps `stems`, and
beside them the library as the index spells it (`owner_of`), none for what is superseded. What is
still being read has passages too: who searches asks for documents that are ready.
"""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, select, update

from tramontane.errors import NotFound
from tramontane.store import schema, vectors

NUMBER_MOST = 2**31 - 1


class StoredPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a document on one page. `boxes` says where its words stand, packed."""

    document_id: str
    number: int
    page: int
    kind: str
    heading: str
    text: str
    language: str | None
    boxes: bytes


def owner_of(library_id: str) -> str:
    """Return a library's identifier as one word of the index; it folds case, so check the hit.

    >>> owner_of("lib_0aB")
    'lib0aB'
    """
    return library_id.replace("_", "")


def add(
    c: Connection, library_id: str, passages: Iterable[tuple[StoredPassage, Iterable[str]]]
) -> None:
    """Keep passages, each with its stems."""
    owner = owner_of(library_id)
    rows = [
        {**msgspec.structs.asdict(passage), "stems": " ".join(stems), "owner": owner}
        for passage, stems in passages
    ]
    if rows:
        c.execute(insert(schema.passages), rows)


def get(c: Connection, document_id: str, number: int) -> StoredPassage:
    """Return that passage of that document. Raises NotFound."""
    t = schema.passages.c
    query = _selected().where(t.document_id == document_id, t.number == number)
    is_number = 0 < number <= NUMBER_MOST  # what is more is no number to the store
    row = c.execute(query).mappings().one_or_none() if is_number else None
    if row is None:
        raise NotFound(f"this document has no passage {number}", param="number")
    return StoredPassage(**row)


def of_page(c: Connection, document_id: str, page: int) -> list[StoredPassage]:
    """Return the passages of that page."""
    t = schema.passages.c
    query = _selected().where(t.document_id == document_id, t.page == page).order_by(t.number)
    return [StoredPassage(**row) for row in c.execute(query).mappings()]


def list_of(
    c: Connection, document_id: str, *, after: int = 0, limit: int | None = None
) -> list[StoredPassage]:
    """Return the passages of a document whose number is above `after`, in order."""
    t = schema.passages.c
    query = _selected().where(t.document_id == document_id, t.number > after).order_by(t.number)
    return [StoredPassage(**row) for row in c.execute(query.limit(limit)).mappings()]


def get_many(c: Connection, wanted: Iterable[tuple[str, int]]) -> list[StoredPassage]:
    """Return the passages of these documents and numbers that there are, in that order."""
    order = list(dict.fromkeys(wanted))
    numbers: dict[str, list[int]] = {}
    for document_id, number in order:
        numbers.setdefault(document_id, []).append(number)
    t = schema.passages.c
    found = {}
    for document_id, of_it in numbers.items():
        query = _selected().where(t.document_id == document_id, t.number.in_(of_it))
        for row in c.execute(query).mappings():
            found[document_id, row["number"]] = StoredPassage(**row)
    return [found[each] for each in order if each in found]


def count(c: Connection, library_ids: Collection[str]) -> int:
    """Return how many passages a search of those libraries looks through."""
    t, d = schema.passages.c, schema.documents.c
    # They are numbered from 1: the last number is their count, and the index has it at hand.
    last = select(func.max(t.number)).where(t.document_id == d.id).scalar_subquery()
    query = select(func.coalesce(func.sum(last), 0)).where(
        d.library_id.in_(list(library_ids)), d.status == "ready", d.superseded_at_ms.is_(None)
    )
    return int(c.execute(query).scalar_one())


def set_aside(c: Connection, document_id: str, limit: int | None = None) -> bool:
    """Have a superseded document's passages, or up to `limit` of them, leave the index of its
    library; they stay readable. Returns whether there may be more.
    """
    vectors.remove(c, [document_id])
    t = schema.passages.c
    some = select(t.row).where(t.document_id == document_id, t.owner != "").limit(limit)
    wanted = update(schema.passages).where(t.row.in_(some)).values(owner="")
    return bool(c.execute(wanted).rowcount == limit)


def remove(c: Connection, document_ids: Collection[str], limit: int | None = None) -> bool:
    """Delete passages of these documents, from the index too: every one, or up to `limit`.

    Returns whether there may be more. The index makes it slow: thousands are better deleted piece
    by piece.
    """
    vectors.remove(c, document_ids)
    t = schema.passages.c
    some = select(t.row).where(t.document_id.in_(list(document_ids))).limit(limit)
    return bool(c.execute(delete(schema.passages).where(t.row.in_(some))).rowcount == limit)


def _selected() -> Select[Any]:
    t = schema.passages.c
    return select(*(t[name] for name in StoredPassage.__struct_fields__))
