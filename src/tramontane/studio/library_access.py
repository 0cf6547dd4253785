"""Who may see and change libraries and documents.

A project's libraries are its members' and its keys'; who looks after the platform alone does not
see them. Everybody in the project may fill and change one; to delete a library, or a document that
somebody else brought, one must have made the library or manage the project. A conversation's own
library is seen by whom the conversation is, and changed by its owner alone. What is not to be seen
does not exist.
"""

from sqlalchemy import Connection

from tramontane.assistant import access
from tramontane.errors import Forbidden, InvalidRequest, NotFound
from tramontane.store import conversations, documents, libraries
from tramontane.store.conversations import Conversation
from tramontane.store.documents import Document
from tramontane.store.libraries import Library
from tramontane.studio.auth import Caller


def member_id_of(caller: Caller) -> str | None:
    """Return the member who calls; None where it is a key of a project."""
    return None if caller.member is None else caller.member.id


def seen_project(caller: Caller, project_id: str) -> str:
    """Return the identifier of a project that the caller belongs to. Raises NotFound."""
    if caller.project is not None and project_id in (caller.project.id, caller.project.name):
        return caller.project.id
    for place in caller.memberships:
        if project_id in (place.project_id, place.project_name):
            return place.project_id
    raise NotFound(f"there is no project {project_id[:80]!r}", param="project_id")


def chosen_project(caller: Caller, project_id: str | None) -> str:
    """Return the project of something new; a key has only one. Raises NotFound, InvalidRequest."""
    if project_id is not None:
        return seen_project(caller, project_id)
    if caller.project is None:
        raise InvalidRequest(
            "The field 'project_id' is missing.", param="project_id", code="missing_field"
        )
    return caller.project.id


def seen_library(c: Connection, caller: Caller, library_id: str) -> Library:
    """Return that library. Raises NotFound where the caller may not know of it."""
    found = libraries.get(c, library_id)
    if not _may_see(c, caller, found):
        raise libraries.missing()
    return found


def changeable_library(c: Connection, caller: Caller, library_id: str) -> Library:
    """Return that library, to be filled or changed. Raises NotFound, Forbidden."""
    found = seen_library(c, caller, library_id)
    if not may_change(c, caller, found):
        raise _read_only()
    return found


def deletable_library(c: Connection, caller: Caller, library_id: str) -> Library:
    """Return that library, to be deleted. Raises NotFound, Forbidden."""
    found = changeable_library(c, caller, library_id)
    if not may_delete(caller, found):
        raise Forbidden(
            "Only who made this library, or manages the project, may delete it.",
            code="not_yours",
        )
    return found


def seen_document(c: Connection, caller: Caller, document_id: str) -> tuple[Document, Library]:
    """Return that document with its library. Raises NotFound."""
    found = documents.get(c, document_id)
    library = libraries.get(c, found.library_id)
    if not _may_see(c, caller, library):
        raise documents.missing()
    return found, library


def changeable_document(
    c: Connection, caller: Caller, document_id: str
) -> tuple[Document, Library]:
    """Return that document, to be read anew. Raises NotFound, Forbidden."""
    found, library = seen_document(c, caller, document_id)
    if not may_change(c, caller, library):
        raise _read_only()
    return found, library


def deletable_document(c: Connection, caller: Caller, document_id: str) -> tuple[Document, Library]:
    """Return that document, to be deleted. Raises NotFound, Forbidden."""
    found, library = changeable_document(c, caller, document_id)
    if not may_delete(caller, library, found):
        raise Forbidden(
            "Only who added this document, made its library or manages the project may delete it.",
            code="not_yours",
        )
    return found, library


def may_change(c: Connection, caller: Caller, library: Library) -> bool:
    """Whether the caller, who may see the library, may also fill and change it."""
    if library.conversation_id is None:
        return True
    owner_id = conversations.get(c, library.conversation_id).member_id
    return owner_id == member_id_of(caller)


def may_delete(caller: Caller, library: Library, document: Document | None = None) -> bool:
    """Whether the caller, who may change the library, may delete it, or `document` in it."""
    own_id = member_id_of(caller)
    if library.conversation_id is not None:
        return True  # its owner's alone
    if caller.may_manage(library.project_id):
        return True
    if own_id is None:
        # A key deletes what keys of its project made: it is nobody's own.
        return library.member_id is None or (document is not None and document.member_id is None)
    return own_id in (library.member_id, document.member_id if document is not None else None)


def own_library(c: Connection, conversation: Conversation, now_ms: int) -> Library:
    """Return the library of a conversation's own files, made where there is none."""
    return libraries.demand(
        c,
        conversation_id=conversation.id,
        project_id=conversation.project_id,
        member_id=conversation.member_id,
        now_ms=now_ms,
    )


def _may_see(c: Connection, caller: Caller, library: Library) -> bool:
    if library.project_id not in caller.project_ids:
        return False
    if library.conversation_id is None:
        return True
    if caller.member is None:
        return False
    conversation = conversations.get(c, library.conversation_id)
    return access.may_read(conversation, caller.member.id, caller.project_ids)


def _read_only() -> Forbidden:
    return Forbidden(
        "These files belong to a conversation of somebody else, shared to be read only.",
        code="read_only",
    )
