"""Documents of libraries: added, read by a worker, found again, deleted for good.

A name in a library may have several versions, each a row of its own. A later one takes the place
of those before it once it has been read; they stay readable for what was quoted from them. It does
not know what is in a document (`passages` does), nor where its bytes lie: it has their SHA-256.
"""

import unicodedata
from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import passages, schema
from tramontane.store.names import new_id

Status = Literal["queued", "reading", "ready", "failed"]
Label = Literal["page", "slide", "sheet", "part"]
NAME_CHARACTERS_MAX = 400
ATTEMPTS_MAX = 3
TABLE_KINDS = frozenset({"csv", "tsv", "json", "parquet", "sqlite"})
"""What is nothing but a table: of its text, only the head is kept as a passage."""
UNFINISHED: tuple[Status, ...] = ("queued", "reading")
_LABELS: dict[str, Label] = {"pdf": "page", "pptx": "slide", "xlsx": "sheet", "ods": "sheet"}


class Problem(msgspec.Struct, frozen=True):
    """Why a document could not be read."""

    code: str
    message: str


class Note(msgspec.Struct, frozen=True):
    """What a reader should know of a document that was read; `pages` where it is about some."""

    code: str
    message: str
    pages: tuple[int, ...] = ()


class TableName(msgspec.Struct, frozen=True):
    """A table that was found in a document; `name` is the one in SQL."""

    id: str
    name: str
    title: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a document. `kind` is found from its bytes; None until then.

    `superseded_at_ms` set: a later version was read since, and is searched in its place.
    `versions` is how many there are under its name, `tables` what may be asked by SQL.
    """

    id: str
    library_id: str
    member_id: str | None = None
    name: str
    sha256: str
    size_bytes: int
    kind: str | None = None
    title: str | None = None
    language: str | None = None
    status: Status = "queued"
    pages: int | None = None
    pages_done: int = 0
    problem: Problem | None = None
    notes: tuple[Note, ...] = ()
    version: int = 1
    versions: int = 1
    superseded_at_ms: int | None = None
    lease_until_ms: int | None = None
    attempts: int = 0
    created_at_ms: int
    updated_at_ms: int
    tables: tuple[TableName, ...] = ()

    @property
    def label(self) -> Label:
        """What its pages are called."""
        return label_of(self.kind)


class Removed(msgspec.Struct, frozen=True):
    """What is left on the disk of a version whose rows are gone."""

    document_id: str
    sha256: str


def label_of(kind: str | None) -> Label:
    """Return what the pages of such a document are called."""
    return _LABELS.get(kind or "", "part")


def check_name(name: str) -> str:
    """Return the name of a file, with its folders, as it is kept. Raises InvalidRequest.

    >>> check_name("\\\\Bericht\\\\2026//Zahlen.pdf")
    'Bericht/2026/Zahlen.pdf'
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/")
    name = "".join(" " if unicodedata.category(mark)[0] in "CZ" else mark for mark in name)
    steps = [" ".join(step.split()) for step in name.split("/")]
    found = "/".join(step for step in steps if step not in ("", ".", ".."))
    if not 1 <= len(found) <= NAME_CHARACTERS_MAX:
        raise InvalidRequest(
            f"name: give the file a name of 1 to {NAME_CHARACTERS_MAX} characters, such as"
            " ?name=report.pdf",
            param="name",
        )
    return found


def add(
    c: Connection,
    *,
    library_id: str,
    member_id: str | None,
    name: str,
    sha256: str,
    size_bytes: int,
    now_ms: int,
) -> tuple[Document, bool]:
    """Return the document of those bytes, and whether it was in the library already.

    Bytes under a name that others have become its next version. What could not be read before is
    tried again. Raises InvalidRequest for the name.
    """
    name = check_name(name)
    t = schema.documents.c
    known = _newest(library_id).where(t.sha256 == sha256).order_by(t.created_at_ms).limit(1)
    same = c.execute(known).mappings().one_or_none()
    if same is not None:
        if same["status"] == "failed":
            retry(c, same["id"], now_ms)
        return get(c, same["id"]), True
    row: dict[str, Any] = {
        "id": new_id("doc"),
        "library_id": library_id,
        "member_id": member_id,
        "name": name,
        "sha256": sha256,
        "size_bytes": size_bytes,
        "status": "queued",
        "pages_done": 0,
        "notes": b"[]",
        "version": _last_version(c, library_id, name) + 1,
        "attempts": 0,
        "created_at_ms": now_ms,
        "updated_at_ms": now_ms,
    }
    c.execute(insert(schema.documents), row)
    return get(c, row["id"]), False


def get(c: Connection, document_id: str) -> Document:
    """Return that document. Raises NotFound."""
    query = _selected().where(schema.documents.c.id == document_id)
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise missing()
    return _documents(c, [row])[0]


def get_many(c: Connection, ids: Collection[str]) -> list[Document]:
    """Return those of `ids` that are documents, in their order."""
    query = _selected().where(schema.documents.c.id.in_(list(ids)))
    found = {each.id: each for each in _documents(c, c.execute(query).mappings().all())}
    return [found[each] for each in dict.fromkeys(ids) if each in found]


def missing() -> NotFound:
    """Return the error for a document that is not there, or not for who asks."""
    return NotFound("there is no such document", param="document_id")


def list_of(c: Connection, library_id: str) -> list[Document]:
    """Return the documents of a library by name, each in its latest version."""
    t = schema.documents.c
    query = _newest(library_id).order_by(func.lower(t.name), t.name)
    return _documents(c, c.execute(query).mappings().all())


def list_versions(c: Connection, library_id: str, name: str) -> list[Document]:
    """Return every version under that name, the latest first."""
    t = schema.documents.c
    query = _selected().where(t.library_id == library_id, t.name == name)
    return _documents(c, c.execute(query.order_by(t.version.desc())).mappings().all())


def retry(c: Connection, document_id: str, now_ms: int) -> None:
    """Have a document that could not be read, or was, read anew."""
    _put(
        c, document_id, status="queued", problem=None, notes=b"[]", attempts=0, pages_done=0,
        pages=None, lease_until_ms=None, updated_at_ms=now_ms,
    )  # fmt: skip


def rename(c: Connection, document: Document, name: str, now_ms: int) -> None:
    """Call a document otherwise, in all its versions. Raises InvalidRequest, Conflict."""
    name = check_name(name)
    if name == document.name:
        return
    if _last_version(c, document.library_id, name):
        raise Conflict(f"another document of this library is called {name!r}", param="name")
    t = schema.documents.c
    wanted = and_(t.library_id == document.library_id, t.name == document.name)
    c.execute(update(schema.documents).where(wanted).values(name=name, updated_at_ms=now_ms))


def remove(c: Connection, document_ids: Collection[str]) -> list[Removed]:
    """Delete these rows with their passages, tables and the index; return what is on the disk."""
    t = schema.documents.c
    ids = list(document_ids)
    rows = c.execute(select(t.id, t.sha256).where(t.id.in_(ids))).all()
    c.execute(delete(schema.tables).where(schema.tables.c.document_id.in_(ids)))
    passages.remove(c, ids)
    c.execute(delete(schema.documents).where(t.id.in_(ids)))
    return [Removed(id_, sha256) for id_, sha256 in rows]


def ids_of(c: Connection, library_id: str) -> list[str]:
    """Return every version of every document of a library."""
    t = schema.documents.c
    return list(c.scalars(select(t.id).where(t.library_id == library_id).order_by(t.id)))


def known_hashes(c: Connection, hashes: Collection[str]) -> set[str]:
    """Return those of `hashes` that a document still has."""
    t = schema.documents.c
    return set(c.scalars(select(t.sha256).where(t.sha256.in_(list(hashes)))))


def known_ids(c: Connection, ids: Collection[str]) -> set[str]:
    """Return those of `ids` that are documents."""
    t = schema.documents.c
    return set(c.scalars(select(t.id).where(t.id.in_(list(ids)))))


# --- what a worker does ---------------------------------------------------------------------------


def is_waiting(c: Connection, now_ms: int, ids: Collection[str] | None = None) -> bool:
    """Return whether `claim` would find one; it takes no lock."""
    return c.scalars(_free(now_ms, ids)).first() is not None


def claim(
    c: Connection, now_ms: int, lease_ms: int, ids: Collection[str] | None = None
) -> Document | None:
    """Return a document to be read, held for `lease_ms`; None where there is none.

    The oldest of those that wait, or whose reader was not heard of in time. `ids` narrows it.
    """
    found = c.scalars(_free(now_ms, ids).with_for_update(skip_locked=True)).one_or_none()
    if found is None:
        return None
    t = schema.documents.c
    _put(c, found, status="reading", lease_until_ms=now_ms + lease_ms, attempts=t.attempts + 1)
    return get(c, found)


def forget_tables(c: Connection, document_id: str) -> None:
    """Delete what is known of its tables."""
    c.execute(delete(schema.tables).where(schema.tables.c.document_id == document_id))


def renew(c: Connection, document: Document, until_ms: int, **changes: Any) -> bool:
    """Hold it longer, with how far reading has come; False where it is no longer the reader's."""
    changes["lease_until_ms"] = until_ms
    return _put(c, document.id, attempts_are=document.attempts, **changes)


def give_back(c: Connection, document: Document) -> None:
    """Let another reader have it: this one stops, for no fault of the document."""
    _put(
        c, document.id, attempts_are=document.attempts, status="queued", lease_until_ms=None,
        attempts=document.attempts - 1,
    )  # fmt: skip


def finish(
    c: Connection,
    document: Document,
    *,
    language: str | None,
    notes: Sequence[Note],
    now_ms: int,
) -> bool:
    """Note that it has been read: it takes the place of its earlier versions.

    Returns False where it is no longer the reader's.
    """
    is_ours = _put(
        c, document.id, attempts_are=document.attempts, status="ready", language=language,
        notes=msgspec.json.encode(notes), problem=None, lease_until_ms=None, updated_at_ms=now_ms,
    )  # fmt: skip
    if is_ours:
        _supersede(c, document, now_ms)
    return is_ours


def fail(c: Connection, document: Document, problem: Problem, now_ms: int) -> bool:
    """Note why it cannot be read; what was found in it is to be deleted. False where it is
    another's now.
    """
    return _put(
        c, document.id, attempts_are=document.attempts, status="failed", lease_until_ms=None,
        problem=msgspec.json.encode(problem), updated_at_ms=now_ms,
    )  # fmt: skip


def _supersede(c: Connection, document: Document, now_ms: int) -> None:
    t = schema.documents.c
    of_name = and_(t.library_id == document.library_id, t.name == document.name)
    last = select(func.max(t.version)).where(of_name, t.status == "ready").scalar_subquery()
    earlier = and_(of_name, t.version < last, t.superseded_at_ms.is_(None), t.status == "ready")
    ids = c.scalars(select(t.id).where(earlier)).all()
    c.execute(update(schema.documents).where(t.id.in_(ids)).values(superseded_at_ms=now_ms))


def _put(
    c: Connection, document_id: str, *, attempts_are: int | None = None, **changes: Any
) -> bool:
    t = schema.documents.c
    wanted = t.id == document_id
    if attempts_are is not None:
        wanted = and_(wanted, t.status == "reading", t.attempts == attempts_are)
    return bool(c.execute(update(schema.documents).where(wanted).values(**changes)).rowcount)


def _free(now_ms: int, ids: Collection[str] | None) -> Select[Any]:
    t = schema.documents.c
    free = or_(t.status == "queued", t.lease_until_ms < now_ms)
    query = select(t.id).where(_is_unfinished(), free)
    if ids is not None:
        query = query.where(t.id.in_(list(ids)))
    return query.order_by(t.created_at_ms, t.id).limit(1)


def _is_unfinished() -> ColumnElement[bool]:
    # In words, since SQLite takes a partial index only where it can read its condition.
    return literal_column("documents.status IN ('queued', 'reading')")


def _last_version(c: Connection, library_id: str, name: str) -> int:
    t = schema.documents.c
    query = select(func.max(t.version)).where(t.library_id == library_id, t.name == name)
    return int(c.execute(query).scalar_one() or 0)


def _newest(library_id: str) -> Select[Any]:
    t, later = schema.documents.c, schema.documents.alias()
    newer = select(later.c.id).where(
        later.c.library_id == t.library_id, later.c.name == t.name, later.c.version > t.version
    )
    return _selected().where(t.library_id == library_id, ~newer.exists())


def _selected() -> Select[Any]:
    t, other = schema.documents, schema.documents.alias()
    of_name = select(func.count()).where(
        other.c.library_id == t.c.library_id, other.c.name == t.c.name
    )
    return select(t, of_name.scalar_subquery().label("versions"))


def _documents(c: Connection, rows: Sequence[Any]) -> list[Document]:
    t = schema.tables.c
    ids = [row["id"] for row in rows]
    query = select(t.document_id, t.id, t.name, t.title).where(t.document_id.in_(ids))
    tables: dict[str, list[TableName]] = {}
    for document_id, *table in c.execute(query.order_by(t.created_at_ms, t.id)) if ids else ():
        tables.setdefault(document_id, []).append(TableName(*table))
    return [_document(row, tables.get(row["id"], [])) for row in rows]


def _document(row: Any, tables: Sequence[TableName]) -> Document:
    fields = dict(row)
    problem = fields["problem"]
    fields["problem"] = None if problem is None else msgspec.json.decode(problem, type=Problem)
    fields["notes"] = msgspec.json.decode(fields["notes"], type=tuple[Note, ...])
    return Document(**fields, tables=tuple(tables))
