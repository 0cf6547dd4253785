"""The index of stems: which passages of which libraries hold a stem, and how many do.

SQLite's FTS5 index holds every stem behind its library's identifier, so that each library has lists
of its own in it and is searched alone; PostgreSQL has an index of `to_tsvector` beside the library.
It does not know how passages are ranked.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.sql.elements import TextClause

from tramontane.store import passages

TERMS_MAX = 120
FURTHER = 4


class Scope(msgspec.Struct, frozen=True):
    """What is searched: libraries, and of them only some documents unless None."""

    library_ids: tuple[str, ...]
    document_ids: tuple[str, ...] | None

    @property
    def owners(self) -> tuple[str, ...]:
        """How the index spells the libraries."""
        return tuple(passages.owner_of(id_) for id_ in self.library_ids)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that holds some of the stems, with all of its own."""

    document_id: str
    document: str
    document_kind: str | None
    number: int
    page: int
    kind: str
    heading: str
    text: str
    language: str | None
    stems: str


_COLUMNS = (
    "d.id AS document_id, d.name AS document, d.kind AS document_kind, p.number, p.page, p.kind,"
    " p.heading, p.text, p.language, p.stems"
)
_SEARCHED = "d.library_id IN :libraries AND d.status = 'ready' AND d.superseded_at_ms IS NULL"


def scope(
    library_ids: Collection[str], document_ids: Collection[str] | None = None
) -> Scope | None:
    """Return what to search, None where that is nothing."""
    libraries = tuple(dict.fromkeys(library_ids))
    documents = None if document_ids is None else tuple(dict.fromkeys(document_ids))
    return None if not libraries or documents == () else Scope(libraries, documents)


def candidates(
    c: Connection, scope: Scope, asked: Sequence[Sequence[str]], most: int
) -> list[Candidate]:
    """Return at most `most` passages of each library that hold any of the stems, likely ones."""
    terms = _terms(asked)
    if not terms:
        return []
    if c.dialect.name == "sqlite":
        rows = [row for owner in scope.owners for row in _in_sqlite(c, scope, owner, terms, most)]
    else:
        rows = _in_postgresql(c, scope, terms, most)
    return [Candidate(**row) for row in rows]


def named(
    c: Connection, scope: Scope, keys: Collection[tuple[str, int]]
) -> dict[tuple[str, int], Candidate]:
    """Return the passages of these documents and numbers, as far as they are in `scope`."""
    numbers: dict[str, list[int]] = {}
    for document_id, number in keys:
        numbers.setdefault(document_id, []).append(number)
    where, given = _where(scope)
    query = _query(
        f"SELECT {_COLUMNS} FROM passages p JOIN documents d ON d.id = p.document_id"
        f" WHERE p.document_id = :document AND p.number IN :numbers AND {where}",
        scope,
    ).bindparams(bindparam("numbers", expanding=True))
    found = {}
    for document_id, of_it in numbers.items():
        rows = c.execute(query, {**given, "document": document_id, "numbers": of_it})
        for row in rows.mappings():
            found[document_id, row["number"]] = Candidate(**row)
    return found


def counts(c: Connection, scope: Scope, stems: Iterable[str]) -> dict[str, int]:
    """Return how many passages of the libraries hold each stem."""
    return (_counts_in_sqlite if c.dialect.name == "sqlite" else _counts_in_postgresql)(
        c, scope, sorted(set(stems))[:TERMS_MAX]
    )


def _terms(asked: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(stem for group in asked for stem in group))[:TERMS_MAX]


def _where(scope: Scope) -> tuple[str, dict[str, Any]]:
    given: dict[str, Any] = {"libraries": list(scope.library_ids)}
    if scope.document_ids is None:
        return _SEARCHED, given
    return f"{_SEARCHED} AND d.id IN :documents", {**given, "documents": list(scope.document_ids)}


def _query(sql: str, scope: Scope) -> TextClause:
    query = text(sql).bindparams(bindparam("libraries", expanding=True))
    if scope.document_ids is not None:
        query = query.bindparams(bindparam("documents", expanding=True))
    return query


def _in_sqlite(
    c: Connection, scope: Scope, owner: str, terms: Sequence[str], most: int
) -> list[dict[str, Any]]:
    where, given = _where(scope)
    query = _query(
        f"SELECT {_COLUMNS} FROM passages_words JOIN passages p ON p.row = passages_words.rowid"
        " JOIN documents d ON d.id = p.document_id"
        f" WHERE passages_words MATCH :match AND {where} ORDER BY rank LIMIT :most",
        scope,
    )
    match = " OR ".join(f'"{owner}{term}"' for term in terms)
    return [
        dict(row) for row in c.execute(query, {**given, "match": match, "most": most}).mappings()
    ]


def _counts_in_sqlite(c: Connection, scope: Scope, terms: Sequence[str]) -> dict[str, int]:
    query = text("SELECT doc FROM passages_words_terms WHERE term = :term")
    found = {}
    for term in terms:
        spelt = (f"{owner}{term}".lower() for owner in scope.owners)
        found[term] = sum(c.execute(query, {"term": each}).scalar() or 0 for each in spelt)
    return found


def _in_postgresql(
    c: Connection, scope: Scope, terms: Sequence[str], most: int
) -> list[dict[str, Any]]:
    where, given = _where(scope)
    query = _query(
        f"SELECT {_COLUMNS} FROM passages p JOIN documents d ON d.id = p.document_id"
        " WHERE to_tsvector('simple', p.stems) @@ to_tsquery('simple', :match)"
        f" AND p.owner IN :owners AND {where}"
        " ORDER BY ts_rank(to_tsvector('simple', p.stems), to_tsquery('simple', :match), 1) DESC"
        " LIMIT :most",
        scope,
    ).bindparams(bindparam("owners", expanding=True))
    match = " | ".join(f"'{term}'" for term in terms)
    owners = list(scope.owners)
    most *= FURTHER * len(owners)  # `ts_rank` does not know how rare a word is: `ranking` does
    rows = c.execute(query, {**given, "owners": owners, "match": match, "most": most})
    return [dict(row) for row in rows.mappings()]


def _counts_in_postgresql(c: Connection, scope: Scope, terms: Sequence[str]) -> dict[str, int]:
    query = text(
        "SELECT count(*) FROM passages p WHERE p.owner IN :owners"
        " AND to_tsvector('simple', p.stems) @@ to_tsquery('simple', :term)"
    ).bindparams(bindparam("owners", expanding=True))
    owners = list(scope.owners)
    return {
        term: int(c.execute(query, {"owners": owners, "term": f"'{term}'"}).scalar_one())
        for term in terms
    }
