"""Full-text search over conversations: one's own, and those shared with one's projects.

The words of a query must all be there, the last one as a beginning; accents and case do not
matter. Newest first. SQLite answers from its FTS5 index, in which every message carries whose it
is, so that a search never walks over what others wrote; PostgreSQL from `to_tsvector`.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

WORDS_MAX = 12
SHARED_MAX = 500
TITLES_MAX = 2_000
SNIPPET_WORDS = 18
_WORD = re.compile(r"[^\W_]+")
# The same expression as in the index: PostgreSQL folds no accents by itself.
_FOLDED = (
    "translate(lower(m.text), 'àáâãäåāăąçćčèéêëēėęìíîïīñńòóôõöøōùúûüūýÿžźżšśł',"
    " 'aaaaaaaaaccceeeeeeeiiiiinnooooooouuuuuyyzzzssl')"
)
_OPEN, _CLOSE = "\x02", "\x03"


class Snippet(msgspec.Struct, frozen=True):
    """A piece of a text; `match` where it is what was looked for."""

    text: str
    match: bool = False


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One message, or, where `message_id` is None, a title."""

    conversation_id: str
    title: str
    message_id: str | None
    role: str | None
    created_at_ms: int
    snippet: list[Snippet]


def words(query: str) -> list[str]:
    """Return the words of `query`; the index folds them as it has folded what it holds.

    >>> words("L'été, à Genève!")
    ['L', 'été', 'à', 'Genève']
    """
    return _WORD.findall(unicodedata.normalize("NFC", query))[:WORDS_MAX]


def search(
    c: Connection, query: str, *, member_id: str, project_ids: Sequence[str], limit: int = 20
) -> list[Found]:
    """Return what is found: titles first, then messages, the newest first; at most `limit`."""
    asked = words(query)
    if not asked or not project_ids:
        return []
    shared = _shared(c, member_id, project_ids)
    scope = {"member": member_id, "shared": shared, "projects": list(project_ids), "limit": limit}
    titles = _titles(c, asked, scope)
    find = _in_sqlite if c.dialect.name == "sqlite" else _in_postgresql
    return [*titles, *find(c, asked, scope)][:limit]


def _shared(c: Connection, member_id: str, project_ids: Sequence[str]) -> list[str]:
    query = text(
        "SELECT id FROM conversations WHERE project_id IN :projects AND shared_at_ms IS NOT NULL"
        " AND member_id != :member ORDER BY shared_at_ms DESC LIMIT :most"
    ).bindparams(bindparam("projects", expanding=True))
    given = {"projects": list(project_ids), "member": member_id, "most": SHARED_MAX}
    return list(c.scalars(query, given))


def _titles(c: Connection, asked: list[str], scope: dict[str, Any]) -> list[Found]:
    """Return the titles that hold every word; those of the conversations last used."""
    query = text(
        "SELECT id, title, created_at_ms FROM conversations WHERE project_id IN :projects"
        " AND NOT is_temporary AND (member_id = :member OR shared_at_ms IS NOT NULL)"
        " ORDER BY updated_at_ms DESC LIMIT :most"
    ).bindparams(bindparam("projects", expanding=True))
    given = {"projects": scope["projects"], "member": scope["member"], "most": TITLES_MAX}
    found = []
    folded = [_folded(word) for word in asked]
    for id_, title, created_at_ms in c.execute(query, given):
        snippet = marked(title, folded)
        if snippet is not None:
            found.append(
                Found(
                    conversation_id=id_,
                    title=title,
                    message_id=None,
                    role=None,
                    created_at_ms=created_at_ms,
                    snippet=snippet,
                )
            )
    return found[:5]


def marked(title: str, asked: Sequence[str], *, is_all: bool = True) -> list[Snippet] | None:
    """Return `title` with the words that match marked; None unless all of `asked` are there.

    `asked` are folded.
    """
    if is_all and asked[0] not in _folded(title):  # most titles are done with here
        return None
    pieces: list[Snippet] = []
    missing = {*asked}
    at = 0
    title = unicodedata.normalize("NFC", title)
    for word in _WORD.finditer(title):
        plain = _folded(word[0])
        last = asked[-1] if len(asked[-1]) > 1 else None
        hits = {a for a in asked if a == plain or (a == last and plain.startswith(a))}
        if hits:
            missing -= hits
            pieces += [Snippet(title[at : word.start()]), Snippet(word[0], match=True)]
            at = word.end()
    pieces.append(Snippet(title[at:]))
    return None if missing and is_all else [piece for piece in pieces if piece.text]


def _in_sqlite(c: Connection, asked: list[str], scope: dict[str, Any]) -> list[Found]:
    owners = " OR ".join(f'"{id_.replace("_", "")}"' for id_ in (scope["member"], *scope["shared"]))
    # One letter begins too much to be of use: it is looked for as a word.
    last = f'"{asked[-1]}"' + ("*" if len(asked[-1]) > 1 else "")
    wanted = " AND ".join([*(f'"{word}"' for word in asked[:-1]), last])
    query = text(
        "SELECT m.conversation_id, v.title, m.id, m.role, m.created_at_ms,"
        f" snippet(messages_words, 0, '{_OPEN}', '{_CLOSE}', '…', {SNIPPET_WORDS})"
        " FROM messages_words JOIN messages m ON m.row = messages_words.rowid"
        " JOIN conversations v ON v.id = m.conversation_id"
        " WHERE messages_words MATCH :match AND NOT v.is_temporary"
        " AND v.project_id IN :projects AND (v.member_id = :member OR v.shared_at_ms IS NOT NULL)"
        " ORDER BY messages_words.rowid DESC LIMIT :limit"
    ).bindparams(bindparam("projects", expanding=True))
    match = f"owners : ({owners}) AND text : ({wanted})"
    given = {key: scope[key] for key in ("projects", "member", "limit")}
    rows = c.execute(query, {**given, "match": match})
    return [_found(row, pieces(row[5])) for row in rows]


def _in_postgresql(c: Connection, asked: list[str], scope: dict[str, Any]) -> list[Found]:
    folded = [_folded(word) for word in asked]
    query = text(
        "SELECT m.conversation_id, v.title, m.id, m.role, m.created_at_ms, m.text"
        " FROM messages m JOIN conversations v ON v.id = m.conversation_id"
        f" WHERE to_tsvector('simple', {_FOLDED}) @@ to_tsquery('simple', :match)"
        " AND NOT v.is_temporary AND v.project_id IN :projects"
        " AND (v.member_id = :member OR v.shared_at_ms IS NOT NULL)"
        ' ORDER BY m."row" DESC LIMIT :limit'
    ).bindparams(bindparam("projects", expanding=True))
    match = " & ".join(folded) + (":*" if len(folded[-1]) > 1 else "")
    given = {key: scope[key] for key in ("projects", "member", "limit")}
    rows = c.execute(query, {**given, "match": match})
    return [_found(row, excerpt(row[5], folded)) for row in rows]


def excerpt(whole: str, asked: Sequence[str]) -> list[Snippet]:
    """Return the piece of a text around the first of `asked`, which are folded, with all marked."""
    hits = (word for word in _WORD.finditer(whole) if _is_hit(word[0], asked))
    first = next(hits, None)
    begin = 0 if first is None else whole.rfind(" ", 0, max(0, first.start() - 50)) + 1
    piece = whole[begin : begin + 160]
    found = marked(piece, asked, is_all=False) or []
    before = [Snippet("…")] if begin else []
    after = [Snippet("…")] if begin + 160 < len(whole) else []
    return before + [Snippet(re.sub(r"\s+", " ", s.text), s.match) for s in found] + after


def _is_hit(word: str, asked: Sequence[str]) -> bool:
    plain = _folded(word)
    return plain in asked or (len(asked[-1]) > 1 and plain.startswith(asked[-1]))


def _found(row: Any, snippet: list[Snippet]) -> Found:
    conversation_id, title, message_id, role, created_at_ms, _ = row
    return Found(
        conversation_id=conversation_id,
        title=title,
        message_id=message_id,
        role=role,
        created_at_ms=created_at_ms,
        snippet=snippet,
    )


def pieces(snippet: str) -> list[Snippet]:
    """Return a snippet of the index in pieces, on one line."""
    found = []
    for at, part in enumerate(snippet.split(_OPEN)):
        hit, close, rest = part.partition(_CLOSE) if at else ("", "", part)
        if close:
            found.append(Snippet(hit, match=True))
        elif at:
            rest = hit
        if rest:
            found.append(Snippet(re.sub(r"\s+", " ", rest)))
    return found


def _folded(query: str) -> str:
    apart = unicodedata.normalize("NFKD", query.casefold())
    return "".join(mark for mark in apart if not unicodedata.combining(mark))
