"""Vectors of passages, as a deployment for embeddings gave them; of one model at a time.

Only passages of documents that are ready and not superseded have any. It does not know what a
vector means, nor how two are compared.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select

from tramontane.store import schema

READ_AT_ONCE = 4_096


class Unembedded(msgspec.Struct, frozen=True):
    """A document of which some passages have no vector, and whose key pays for them (None: the
    project has no key left).
    """

    document_id: str
    key_id: str | None


class Words(msgspec.Struct, frozen=True):
    """A passage as it is embedded."""

    number: int
    heading: str
    text: str


def put(c: Connection, document_id: str, model: str, vectors: Iterable[tuple[int, bytes]]) -> None:
    """Keep vectors of passages, in place of those that they had. A document that has gone
    meanwhile keeps none.
    """
    made = [
        {"document_id": document_id, "number": number, "model": model, "vector": vector}
        for number, vector in vectors
    ]
    d, t = schema.documents.c, schema.vectors.c
    is_there = select(d.id).where(d.id == document_id, d.superseded_at_ms.is_(None))
    if not made or c.scalar(is_there) is None:
        return
    numbers = [row["number"] for row in made]
    c.execute(delete(schema.vectors).where(t.document_id == document_id, t.number.in_(numbers)))
    c.execute(insert(schema.vectors), made)


def unembedded(c: Connection, model: str, but: Collection[str]) -> Unembedded | None:
    """Return the oldest document without all of its vectors of `model`, none of `but`."""
    d, p, v = schema.documents.c, schema.passages.c, schema.vectors.c
    embedded = exists().where(
        v.document_id == p.document_id, v.number == p.number, v.model == model
    )
    missing = exists().where(p.document_id == d.id, ~embedded)
    query = (
        select(d.id, d.member_id, schema.libraries.c.project_id, schema.libraries.c.member_id)
        .join(schema.libraries, schema.libraries.c.id == d.library_id)
        .where(d.status == "ready", d.superseded_at_ms.is_(None), d.id.not_in(list(but)), missing)
        .order_by(d.created_at_ms, d.id)
        .limit(1)
    )
    row = c.execute(query).one_or_none()
    if row is None:
        return None
    document_id, member_id, project_id, owner_id = row
    return Unembedded(document_id, _payer(c, project_id, [member_id, owner_id]))


def _payer(c: Connection, project_id: str, members: Sequence[str | None]) -> str | None:
    """Return the key of the first of `members` who is in the project, else its oldest key."""
    m, k = schema.memberships.c, schema.keys.c
    for member_id in members:
        query = select(m.key_id).where(m.member_id == member_id, m.project_id == project_id)
        key_id = c.scalar(query) if member_id is not None else None
        if key_id is not None:
            return str(key_id)
    query = select(k.id).where(
        k.project_id == project_id, k.revoked_at_ms.is_(None), k.rights.contains('"infer"')
    )
    found = c.scalar(query.order_by(k.created_at_ms, k.id).limit(1))
    return None if found is None else str(found)


def without(c: Connection, document_id: str, model: str, limit: int) -> list[Words]:
    """Return the first passages of a document that have no vector of `model`."""
    p, v = schema.passages.c, schema.vectors.c
    query = (
        select(p.number, p.heading, p.text)
        .outerjoin(schema.vectors, and_(v.document_id == p.document_id, v.number == p.number))
        .where(p.document_id == document_id, or_(v.model.is_(None), v.model != model))
        .order_by(p.number)
        .limit(limit)
    )
    return [Words(*row) for row in c.execute(query)]


def of_libraries(
    c: Connection,
    library_ids: Collection[str],
    document_ids: Collection[str] | None,
    model: str,
    size_bytes: int,
) -> Iterator[tuple[list[tuple[str, int]], bytes]]:
    """Yield whose vectors they are, and the vectors of `model` one after the other, a few thousand
    at a time; only those of `size_bytes`.
    """
    d, v = schema.documents.c, schema.vectors.c
    query = (
        select(v.document_id, v.number, v.vector)
        .join(schema.documents, d.id == v.document_id)
        .where(
            d.library_id.in_(list(library_ids)),
            d.status == "ready",
            d.superseded_at_ms.is_(None),
            v.model == model,
            func.length(v.vector) == size_bytes,
        )
    )
    if document_ids is not None:
        query = query.where(d.id.in_(list(document_ids)))
    rows = c.execution_options(stream_results=True).execute(query)
    while some := rows.fetchmany(READ_AT_ONCE):
        yield [(row[0], row[1]) for row in some], b"".join(row[2] for row in some)


def remove(c: Connection, document_ids: Collection[str]) -> None:
    """Delete the vectors of these documents."""
    t = schema.vectors.c
    c.execute(delete(schema.vectors).where(t.document_id.in_(list(document_ids))))
