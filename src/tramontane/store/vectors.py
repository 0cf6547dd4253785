"""Vectors of passages, as a deployment for embeddings gave them; of one model at a time, those of
some dozens of passages that follow each other in one row.

Only passages of documents that are ready and not superseded have any. It does not know what a
vector means, nor how two are compared.
"""

from collections.abc import Collection, Iterator, Sequence

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Text,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    type_coerce,
)

from tramontane.store import schema

READ_AT_ONCE = 128


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


def put(c: Connection, document_id: str, model: str, first: int, given: Sequence[bytes]) -> None:
    """Keep the vectors, all of one size, of the passages from number `first` on, in place of those
    of another model. A document that has gone meanwhile keeps none.
    """
    d, t = schema.documents.c, schema.vectors.c
    is_there = select(d.id).where(d.id == document_id, d.superseded_at_ms.is_(None))
    if not given or c.scalar(is_there) is None:
        return
    old = delete(schema.vectors).where(t.document_id == document_id)
    c.execute(old.where(or_(t.model != model, t.first >= first)))
    row = {
        "document_id": document_id,
        "first": first,
        "count": len(given),
        "model": model,
        "data": b"".join(given),
    }
    c.execute(insert(schema.vectors), row)


def unembedded(c: Connection, model: str, but: Collection[str]) -> Unembedded | None:
    """Return the oldest document without all of its vectors of `model`, none of `but`."""
    d = schema.documents.c
    query = (
        select(d.id, d.member_id, schema.libraries.c.project_id, schema.libraries.c.member_id)
        .join(schema.libraries, schema.libraries.c.id == d.library_id)
        .where(d.status == "ready", d.superseded_at_ms.is_(None), d.id.not_in(list(but)))
        .where(_last_passage(d.id) > _last_vector(d.id, model))
        .order_by(d.created_at_ms, d.id)
        .limit(1)
    )
    row = c.execute(query).one_or_none()
    if row is None:
        return None
    document_id, member_id, project_id, owner_id = row
    return Unembedded(document_id, _payer(c, project_id, [member_id, owner_id]))


def _payer(c: Connection, project_id: str, members: Sequence[str | None]) -> str | None:
    """Return the key of the first of `members` who may still use the project, else its oldest."""
    m, k = schema.memberships.c, schema.keys.c
    for member_id in members:
        query = (
            select(m.key_id)
            .join(schema.keys, k.id == m.key_id)
            .where(m.member_id == member_id, m.project_id == project_id, k.revoked_at_ms.is_(None))
        )
        key_id = c.scalar(query) if member_id is not None else None
        if key_id is not None:
            return str(key_id)
    query = select(k.id).where(
        k.project_id == project_id,
        k.revoked_at_ms.is_(None),
        type_coerce(k.rights, Text).contains('"infer"'),
    )
    found = c.scalar(query.order_by(k.expires_at_ms.is_not(None), k.created_at_ms, k.id).limit(1))
    return None if found is None else str(found)


def without(c: Connection, document_id: str, model: str, limit: int) -> list[Words]:
    """Return the first passages of a document that have no vector of `model`."""
    p = schema.passages.c
    last = c.scalar(select(_last_vector(literal(document_id), model)))
    query = (
        select(p.number, p.heading, p.text)
        .where(p.document_id == document_id, p.number > last)
        .order_by(p.number)
        .limit(limit)
    )
    return [Words(*row) for row in c.execute(query)]


def _last_passage(document_id: ColumnElement[str]) -> ScalarSelect[int]:
    p = schema.passages.c
    return (
        select(func.coalesce(func.max(p.number), 0))
        .where(p.document_id == document_id)
        .scalar_subquery()
    )


def _last_vector(document_id: ColumnElement[str], model: str) -> ScalarSelect[int]:
    v = schema.vectors.c
    return (
        select(func.coalesce(func.max(v.first + v.count - 1), 0))
        .where(v.document_id == document_id, v.model == model)
        .scalar_subquery()
    )


def of_libraries(
    c: Connection,
    library_ids: Collection[str],
    document_ids: Collection[str] | None,
    model: str,
    size_bytes: int,
) -> Iterator[list[tuple[str, int, bytes]]]:
    """Yield document, number of the first passage, and the vectors of `model` one after the other
    from there on; only those of `size_bytes`.
    """
    d, v = schema.documents.c, schema.vectors.c
    query = (
        select(v.document_id, v.first, v.data)
        .join(schema.documents, d.id == v.document_id)
        .where(
            d.library_id.in_(list(library_ids)),
            d.status == "ready",
            d.superseded_at_ms.is_(None),
            v.model == model,
            func.length(v.data) == v.count * size_bytes,
        )
    )
    if document_ids is not None:
        query = query.where(d.id.in_(list(document_ids)))
    rows = c.execution_options(stream_results=True).execute(query)
    while some := rows.fetchmany(READ_AT_ONCE):
        yield [(row[0], row[1], row[2]) for row in some]


def remove(c: Connection, document_ids: Collection[str]) -> None:
    """Delete the vectors of these documents."""
    t = schema.vectors.c
    c.execute(delete(schema.vectors).where(t.document_id.in_(list(document_ids))))
