"""Which documents and tables an answer may look into: decided when it is ordered, and for good.

A conversation has the files that were put into it, the libraries that its owner chose, and those of
its assistant, all of the conversation's own project. Nothing that a model, a document or a tool's
argument says can add to that. It does not know what stands in a document.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import schema
from tramontane.store.conversations import Conversation
from tramontane.store.messages import FileReference, FilesPart, Message

ATTACHMENTS_MAX = 50
LIBRARIES_MAX = 32


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer may look into. `own_library_id` is the conversation's, which is also the
    first of `library_ids`; `attached` are the documents that came with the question.
    """

    library_ids: tuple[str, ...] = ()
    connection_ids: tuple[str, ...] = ()
    own_library_id: str | None = None
    attached: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look into."""
        return not self.library_ids and not self.connection_ids


class Unread(msgspec.Struct, frozen=True):
    """Documents that are still being read: how many, and how many of their pages are done."""

    documents: int
    pages_done: int
    pages: int


NOTHING = Scope()


def scope_of(
    c: Connection,
    conversation: Conversation,
    of_assistant: Iterable[str],
    branch: Sequence[Message],
) -> Scope:
    """Return what an answer at the end of `branch` may look into."""
    wanted = [*(conversation.library_ids or ()), *of_assistant]
    own = own_library_id(c, conversation.id)
    chosen = _of_projects(c, (conversation.project_id,), wanted)
    last = next((message for message in reversed(branch) if message.role == "user"), None)
    return Scope(
        library_ids=(*((own,) if own else ()), *chosen),
        connection_ids=_connections(c, (conversation.project_id,), wanted),
        own_library_id=own,
        attached=_attached(c, own, last),
    )


def own_library_id(c: Connection, conversation_id: str) -> str | None:
    """Return the library of what was put into that conversation; None where nothing was."""
    t = schema.libraries.c
    found: str | None = c.execute(
        select(t.id).where(t.conversation_id == conversation_id)
    ).scalar_one_or_none()
    return found


def check_libraries(
    c: Connection, project_ids: Collection[str], ids: Sequence[str]
) -> tuple[str, ...]:
    """Return `ids` of libraries and connections of those projects, each once.

    Raises InvalidRequest, NotFound for the first that is not there, or another project's.
    """
    found = tuple(dict.fromkeys(ids))
    if len(found) > LIBRARIES_MAX:
        raise InvalidRequest(f"library_ids: choose at most {LIBRARIES_MAX}.", param="library_ids")
    known = {*_of_projects(c, project_ids, found), *_connections(c, project_ids, found)}
    for id_ in found:
        if id_ not in known:
            raise NotFound("there is no such library", param="library_ids")
    return found


def files(c: Connection, conversation_id: str, attachments: Sequence[str]) -> FilesPart | None:
    """Return the documents that come with a question; None where none do.

    Raises InvalidRequest, NotFound where one is not in the conversation's own library.
    """
    wanted = tuple(dict.fromkeys(attachments))
    if not wanted:
        return None
    if len(wanted) > ATTACHMENTS_MAX:
        raise InvalidRequest(
            f"attachments: at most {ATTACHMENTS_MAX} with one question.", param="attachments"
        )
    own = own_library_id(c, conversation_id)
    t = schema.documents.c
    query = select(t.id, t.name, t.kind, t.size_bytes).where(
        t.id.in_(wanted), t.library_id == (own or "")
    )
    known = {row.id: row for row in c.execute(query)}
    for document_id in wanted:
        if document_id not in known:
            raise NotFound(
                "there is no such document in this conversation; add it there first",
                param="attachments",
            )
    return FilesPart(tuple(_reference(known[document_id]) for document_id in wanted))


def unread(c: Connection, scope: Scope) -> Unread:
    """Return what is still being read of the conversation's own documents.

    Those of its other libraries hold up nobody.
    """
    if scope.own_library_id is None:
        return Unread(0, 0, 0)
    t = schema.documents.c
    under_way = t.library_id == scope.own_library_id, t.status.in_(("queued", "reading"))
    query = select(func.count(), func.sum(t.pages_done), func.sum(func.coalesce(t.pages, 0)))
    count, done, pages = c.execute(query.where(*under_way)).one()
    return Unread(int(count), int(done or 0), int(pages or 0))


def _reference(row: Any) -> FileReference:
    kind = row.kind or PurePosixPath(row.name).suffix.lstrip(".").lower()
    return FileReference(row.id, row.name, kind, row.size_bytes)


def _attached(c: Connection, own: str | None, question: Message | None) -> tuple[str, ...]:
    if own is None or question is None:
        return ()
    ids = [
        file.document_id
        for part in question.parts
        if isinstance(part, FilesPart)
        for file in part.files
    ]
    t = schema.documents.c
    there = {*c.execute(select(t.id).where(t.id.in_(ids), t.library_id == own)).scalars()}
    return tuple(id_ for id_ in ids if id_ in there)


def _of_projects(
    c: Connection, project_ids: Collection[str], wanted: Sequence[str]
) -> tuple[str, ...]:
    t = schema.libraries.c
    allowed = t.project_id.in_(project_ids) & t.conversation_id.is_(None)
    return _those(c, t.id, allowed, wanted)


def _connections(
    c: Connection, project_ids: Collection[str], wanted: Sequence[str]
) -> tuple[str, ...]:
    t = schema.connections.c
    return _those(c, t.id, t.project_id.in_(project_ids), wanted)


def _those(
    c: Connection, id_: ColumnElement[str], allowed: ColumnElement[bool], wanted: Sequence[str]
) -> tuple[str, ...]:
    """Return those of `wanted` that are there and allowed, each once, in the order given."""
    if not wanted:
        return ()
    there = {*c.execute(select(id_).where(id_.in_(wanted), allowed)).scalars()}
    return tuple(one for one in dict.fromkeys(wanted) if one in there)
