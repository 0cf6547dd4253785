"""Documents as the worker leaves them in the store: read, cut into passages, searchable."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import duckdb
import msgspec
from sqlalchemy import insert

from tramontane.documents.search import indexed
from tramontane.store import documents, libraries, passages, schema
from tramontane.store.database import Store
from tramontane.store.documents import Document
from tramontane.store.names import new_id
from tramontane.store.passages import StoredPassage
from tramontane.tables.profile import profile
from tramontane.tables.query import data_path

NOW_MS = 1_700_000_000_000
REPORT = (
    ("Costs › 2024", "The office spent 4.2 million euros in 2024, of which rents took 38%."),
    ("Costs › 2024", "Travel fell to 310,000 euros after the move to Rouen."),
    ("Staff", "At the end of the year, 118 people worked at the office, three fewer than before."),
    ("Outlook", "“A second site in Brest is not planned”, the director said in March."),
)


def own_library(store: Store, conversation_id: str, project_id: str, member_id: str) -> str:
    """Return the id of the library of a conversation's own files."""
    with store.write() as c:
        return libraries.demand(
            c,
            conversation_id=conversation_id,
            project_id=project_id,
            member_id=member_id,
            now_ms=NOW_MS,
        ).id


def library(store: Store, project_id: str, name: str = "Shelf") -> str:
    """Return the id of a new library of a project."""
    with store.write() as c:
        return libraries.create(c, project_id=project_id, name=name, now_ms=NOW_MS).id


def document(
    store: Store,
    library_id: str,
    name: str = "report.pdf",
    texts: Sequence[tuple[str, str]] = REPORT,
    language: str = "en",
    kind: str = "pdf",
    *,
    is_read: bool = True,
) -> Document:
    """Return a document whose passages are `texts`, each with its heading, two to a page."""
    digest = sha256("".join(text for _, text in texts).encode()).hexdigest()
    with store.write() as c:
        made, _ = documents.add(
            c,
            library_id=library_id,
            member_id=None,
            name=name,
            sha256=digest,
            size_bytes=1_000,
            now_ms=NOW_MS,
        )
    if is_read:
        read(store, made, texts, language, kind)
    return made


def read(
    store: Store,
    made: Document,
    texts: Sequence[tuple[str, str]] = REPORT,
    language: str = "en",
    kind: str = "pdf",
) -> None:
    """Do what the worker does with a document that waits."""
    with store.write() as c:
        claimed = documents.claim(c, NOW_MS, 60_000, ids=[made.id])
        assert claimed is not None
        kept = [
            (
                StoredPassage(
                    document_id=made.id,
                    number=at,
                    page=(at + 1) // 2,
                    kind="text",
                    heading=heading,
                    text=text,
                    language=language,
                    boxes=b"",
                ),
                indexed(heading, text, language),
            )
            for at, (heading, text) in enumerate(texts, 1)
        ]
        passages.add(c, made.library_id, kept)
        documents.renew(c, claimed, NOW_MS + 60_000, kind=kind, pages=2, pages_done=2)
        assert documents.finish(c, claimed, language=language, notes=[], now_ms=NOW_MS)


def table(
    store: Store,
    made: Document,
    folder: Path,
    name: str,
    sql: str,
    title: str = "",
    later_ms: int = 0,
) -> str:
    """Return the id of a table of that document, made of what `sql` gives."""
    folder.mkdir(exist_ok=True)
    with duckdb.connect(str(data_path(folder, made.id))) as connection:
        connection.execute(f'CREATE TABLE "{name}" AS {sql}')
        names = [row[0] for row in connection.execute(f'DESCRIBE "{name}"').fetchall()]
        count, columns = profile(connection, f'"{name}"', [(each, each, None) for each in names])
    row = {
        "id": new_id("tbl"),
        "library_id": made.library_id,
        "document_id": made.id,
        "connection_id": None,
        "name": name,
        "title": title or made.name,
        "row_count": count,
        "columns": msgspec.json.encode(columns),
        "notes": b"[]",
        "created_at_ms": NOW_MS + later_ms,
    }
    with store.write() as c:
        c.execute(insert(schema.tables), row)
    return str(row["id"])
