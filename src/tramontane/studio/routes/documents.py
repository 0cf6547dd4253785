"""`/api/v1/documents`, those of libraries and of conversations: brought, followed, deleted."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, delete, get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from sqlalchemy import Connection

from tramontane.assistant import access, telling, titles
from tramontane.documents import keeping
from tramontane.store import conversations, documents, libraries
from tramontane.store.conversations import Conversation
from tramontane.store.documents import (
    NAME_CHARACTERS_MAX,
    Document,
    Label,
    Note,
    Problem,
    Status,
    TableName,
)
from tramontane.store.libraries import Library
from tramontane.store.windows import time_name
from tramontane.studio import library_access
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import UploadOperation, describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.conversations import reader_of
from tramontane.studio.sending import sent_file
from tramontane.studio.uploads import files_of, receive

TAG = "Libraries"
_Name = Annotated[
    str,
    QueryParameter(
        max_length=4 * NAME_CHARACTERS_MAX,
        description="What the file is called, with its folders: `reports/2026.pdf`.",
    ),
]


class DocumentView(msgspec.Struct, frozen=True, kw_only=True):
    """A document. `pages` of the kind `label`; null until known, `pages_done` have been read.

    `problem` says why it could not be read, `notes` what to know of one that was. `is_duplicate`:
    it was there already when it was sent. `version` is the newest of `versions` under its name
    unless a list of versions says otherwise.
    """

    id: str
    library_id: str
    name: str
    kind: str | None
    label: Label
    size_bytes: int
    sha256: str
    status: Status
    pages: int | None
    pages_done: int
    language: str | None
    title: str | None
    version: int
    versions: int
    problem: Problem | None
    notes: tuple[Note, ...]
    tables: tuple[TableName, ...]
    is_duplicate: bool
    may_delete: bool
    created_at: str
    updated_at: str


class DocumentList(msgspec.Struct, frozen=True):
    """Documents by name, each in its newest version."""

    data: list[DocumentView]


@get(
    "/libraries/{library_id:str}/documents",
    **describe("listDocuments", "List a library's documents", TAG, right="read", errors=(404,)),
)
def list_documents(
    platform: GivenPlatform, caller: GivenCaller, library_id: FromPath[str]
) -> DocumentList:
    """By name, each in its newest version."""
    with platform.store.read() as c:
        library = library_access.seen_library(c, caller, library_id)
        return _listed(c, caller, library)


@post(
    "/libraries/{library_id:str}/documents",
    request_max_body_size=None,
    operation_class=UploadOperation,
    **describe(
        "addDocument", "Add a document to a library", TAG,
        right="infer", is_async=True, errors=(404, 413),
    ),
)  # fmt: skip
async def add_document(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    name: _Name,
    request: Request[Caller, Any, Any],
) -> Response[DocumentView]:
    """The body is the file itself. It is kept once this answers 201, and read soon after: follow
    `status`. The same bytes again answer 200; other bytes under a name are its next version.
    """

    def find(c: Connection) -> str:
        return library_access.changeable_library(c, caller, library_id).id

    await asyncio.to_thread(_check, platform, find)
    return await _received(platform, caller, request, name, find)


@get(
    "/conversations/{conversation_id:str}/documents",
    **describe(
        "listConversationDocuments", "List a conversation's own documents", TAG,
        people=True, errors=(404,),
    ),
)  # fmt: skip
def list_conversation_documents(
    platform: GivenPlatform, caller: GivenCaller, conversation_id: FromPath[str]
) -> DocumentList:
    """Those that were brought into it, not those of the libraries that it asks."""
    reader = reader_of(caller)
    with platform.store.read() as c:
        found = access.readable(c, conversation_id, reader)
        library = libraries.of_conversation(c, found.id)
        return DocumentList([]) if library is None else _listed(c, caller, library)


@post(
    "/conversations/{conversation_id:str}/documents",
    request_max_body_size=None,
    operation_class=UploadOperation,
    **describe(
        "attachDocument", "Bring a document into a conversation", TAG,
        people=True, is_async=True, errors=(404, 413),
    ),
)  # fmt: skip
async def attach_document(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    name: _Name,
    request: Request[Caller, Any, Any],
) -> Response[DocumentView]:
    """As into a library. It is deleted with the conversation, and by its owner only. Until there is
    a question, the conversation is called after its first file.
    """
    reader = reader_of(caller)

    def conversation(c: Connection) -> Conversation:
        return access.changeable(c, conversation_id, reader)

    def find(c: Connection) -> str:
        return library_access.own_library(c, conversation(c), platform.clock_ms()).id

    await asyncio.to_thread(_check, platform, conversation)
    answer = await _received(platform, caller, request, name, find)
    answering = platform.answering
    named = await asyncio.to_thread(_named_after, platform, conversation, name)
    if named is not None:
        telling.conversation(answering.feed, named, is_running=answering.is_running(named.id))
    return answer


@get(
    "/documents/{document_id:str}",
    **describe("getDocument", "Show a document", TAG, right="read", errors=(404,)),
)
def get_document(
    platform: GivenPlatform, caller: GivenCaller, document_id: FromPath[str]
) -> DocumentView:
    """With how far it has been read."""
    with platform.store.read() as c:
        return document_view(caller, *library_access.seen_document(c, caller, document_id))


@delete(
    "/documents/{document_id:str}",
    status_code=204,
    **describe("deleteDocument", "Delete a document", TAG, right="infer", errors=(404,)),
)
def delete_document(
    platform: GivenPlatform, caller: GivenCaller, document_id: FromPath[str]
) -> None:
    """For good, in all its versions: the file, its text, its tables and what the search knew."""
    with platform.store.read() as c:
        found, _ = library_access.deletable_document(c, caller, document_id)
    keeping.remove_document(platform.store, files_of(platform), found, platform.clock_ms())


@post(
    "/documents/{document_id:str}/retry",
    status_code=200,
    **describe("retryDocument", "Read a document anew", TAG, right="infer", errors=(404,)),
)
def retry_document(
    platform: GivenPlatform, caller: GivenCaller, document_id: FromPath[str]
) -> DocumentView:
    """Whether it could be read before or not. One that is being read is left alone."""
    with platform.store.write() as c:
        found, library = library_access.changeable_document(c, caller, document_id)
        if found.status not in documents.UNFINISHED:
            documents.retry(c, found.id, platform.clock_ms())
        return document_view(caller, documents.get(c, found.id), library)


@get(
    "/documents/{document_id:str}/versions",
    **describe("listVersions", "List a document's versions", TAG, right="read", errors=(404,)),
)
def list_versions(
    platform: GivenPlatform, caller: GivenCaller, document_id: FromPath[str]
) -> DocumentList:
    """The newest first. Older ones stay readable for what was quoted from them."""
    with platform.store.read() as c:
        found, library = library_access.seen_document(c, caller, document_id)
        versions = documents.list_versions(c, found.library_id, found.name)
    return DocumentList([document_view(caller, each, library) for each in versions])


@get(
    "/documents/{document_id:str}/file",
    **describe(
        "getDocumentFile", "Read a document's bytes", TAG,
        right="read", is_async=True, errors=(404,),
    ),
)  # fmt: skip
async def get_document_file(
    platform: GivenPlatform,
    caller: GivenCaller,
    document_id: FromPath[str],
    request: Request[Caller, Any, Any],
) -> Stream:
    """As they came, to be kept or shown; `Range` gives a part of them."""

    def find() -> Document:
        with platform.store.read() as c:
            return library_access.seen_document(c, caller, document_id)[0]

    found = await asyncio.to_thread(find)
    path = files_of(platform).path(found.sha256)
    return sent_file(
        path, found, request.headers.get("range"), request.headers.get("if-none-match")
    )


def document_view(
    caller: Caller, document: Document, library: Library, *, is_duplicate: bool = False
) -> DocumentView:
    """Return `document` as the caller, who may see it, is shown it."""
    is_theirs = library.conversation_id is None or library.member_id == library_access.member_id_of(
        caller
    )
    return DocumentView(
        id=document.id,
        library_id=document.library_id,
        name=document.name,
        kind=document.kind,
        label=document.label,
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        status=document.status,
        pages=document.pages,
        pages_done=document.pages_done,
        language=document.language,
        title=document.title,
        version=document.version,
        versions=document.versions,
        problem=document.problem,
        notes=document.notes,
        tables=document.tables,
        is_duplicate=is_duplicate,
        may_delete=is_theirs and library_access.may_delete(caller, library, document),
        created_at=time_name(document.created_at_ms),
        updated_at=time_name(document.updated_at_ms),
    )


def _listed(c: Connection, caller: Caller, library: Library) -> DocumentList:
    found = documents.list_of(c, library.id)
    return DocumentList([document_view(caller, each, library) for each in found])


def _check(platform: Platform, find: Any) -> None:
    """Find out before anything of the body is taken whether it may be sent at all."""
    with platform.store.read() as c:
        find(c)


def _named_after(
    platform: Platform, find: Callable[[Connection], Conversation], name: str
) -> Conversation | None:
    """Return the conversation, called after a file; None where it has a name already."""
    with platform.store.read() as c:
        if find(c).title:
            return None
    with platform.store.write() as c:
        found = find(c)
        if found.title:
            return None
        return conversations.change(c, found.id, title=titles.from_file(name))


async def _received(
    platform: Platform, caller: Caller, request: Request[Caller, Any, Any], name: str, find: Any
) -> Response[DocumentView]:
    document, is_duplicate = await receive(
        platform,
        request.stream(),
        name,
        find_library=find,
        member_id=library_access.member_id_of(caller),
    )

    def show() -> DocumentView:
        with platform.store.read() as c:
            library = libraries.get(c, document.library_id)
        return document_view(caller, document, library, is_duplicate=is_duplicate)

    view = await asyncio.to_thread(show)
    status = 200 if is_duplicate else 201
    return Response(view, status_code=status, media_type=MediaType.JSON)
