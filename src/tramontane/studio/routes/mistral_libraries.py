"""`/mistral/v1/libraries`: libraries and documents as Mistral's own API has them, for its clients.

The same libraries as under `/api/v1`, of the key's project. What is not here (access levels, links
that anybody may open, attributes) is said to be unknown, never ignored.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import HttpMethod, MediaType, Request, Response, Router, delete, get, post, route
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET
from sqlalchemy import Connection

from tramontane.documents import keeping
from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.store import documents, libraries, passages
from tramontane.store.documents import Document
from tramontane.store.libraries import Library
from tramontane.store.windows import time_name
from tramontane.studio import library_access, mistral
from tramontane.studio.auth import Caller, GivenCaller, check_query
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.sending import MEDIA_TYPES
from tramontane.studio.uploads import files_of, receive
from tramontane.wire.multipart import FileReader

T = TypeVar("T")
PATH = "/mistral/v1/libraries"
_READ: dict[str, Any] = {"opt": {"right": "read"}, "sync_to_thread": True}
_CHANGE: dict[str, Any] = {"opt": {"right": "infer"}, "sync_to_thread": True}
_PUT = [HttpMethod.PUT, HttpMethod.PATCH]  # the description says the one, clients send the other
_STATES = {
    "queued": ("todo", "Todo"),
    "reading": ("in_progress", "Running"),
    "ready": ("done", "Completed"),
    "failed": ("error", "Error"),
}
_PageSize = Annotated[int, QueryParameter(ge=1, le=100)]
_Page = Annotated[int, QueryParameter(ge=0, le=1_000_000)]
_Sort = Literal["created_at", "name", "size", "updated_at"]


class LibraryOut(msgspec.Struct, frozen=True, kw_only=True):
    """A library. What belongs to nobody in particular belongs to the project, a workspace."""

    id: str
    name: str
    created_at: str
    updated_at: str
    owner_id: str
    owner_type: Literal["User", "Workspace"]
    total_size: int
    nb_documents: int
    chunk_size: None = None
    emoji: None = None
    description: str | None
    generated_name: None = None
    generated_description: None = None
    explicit_user_members_count: None = None
    explicit_workspace_members_count: None = None
    org_sharing_role: None = None


class LibraryIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new library. `chunk_size` is taken and has no effect: passages follow the text."""

    name: str
    description: str | None = None
    chunk_size: int | None = None
    owner_type: str | None = None


class LibraryInUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be another."""

    name: str | None = None
    description: str | None = None


class DocumentOut(msgspec.Struct, frozen=True, kw_only=True):
    """A document."""

    id: str
    library_id: str
    hash: str
    mime_type: str | None
    extension: str | None
    size: int
    name: str
    summary: None = None
    created_at: str
    last_processed_at: str | None
    number_of_pages: int | None
    process_status: str
    processing_status: str
    uploaded_by_id: str | None
    uploaded_by_type: Literal["User", "Workspace"]
    tokens_processing_main_content: None = None
    tokens_processing_summary: None = None
    tokens_processing_total: int = 0
    url: None = None
    attributes: None = None


class DocumentUpdateIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be another: its name."""

    name: str | None = None


class PaginationInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page of a list stands; pages count from 0."""

    total_items: int
    total_pages: int
    current_page: int
    page_size: int
    has_more: bool


class ListLibraryOut(msgspec.Struct, frozen=True):
    """A page of libraries, by name."""

    data: list[LibraryOut]
    pagination: PaginationInfo
    next_page_token: str | None


class ListDocumentOut(msgspec.Struct, frozen=True):
    """A page of documents."""

    pagination: PaginationInfo
    data: list[DocumentOut]
    next_page_token: str | None


class DocumentTextContent(msgspec.Struct, frozen=True):
    """All the text of a document."""

    text: str


class ProcessingStatusOut(msgspec.Struct, frozen=True, kw_only=True):
    """How far a document is."""

    document_id: str
    process_status: str
    processing_status: str


@get("/", **_READ)
def list_libraries(
    platform: GivenPlatform,
    caller: GivenCaller,
    search: FromQuery[str | None] = None,
    page_size: _PageSize = 100,
    page: _Page = 0,
    page_token: FromQuery[str | None] = None,
) -> ListLibraryOut:
    """Return a page of the libraries of the key's project; `search` is a part of their names."""
    with platform.store.read() as c:
        found = libraries.list_of_projects(c, caller.project_ids)
    named = [each for each in found if (search or "").casefold() in each.name.casefold()]
    shown, pagination, token = _paged(named, page_size, page, page_token)
    return ListLibraryOut([_library(each) for each in shown], pagination, token)


@post("/", **_CHANGE)
def create_library(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[LibraryIn]
) -> LibraryOut:
    """Make a library in the key's project."""
    with platform.store.write() as c:
        made = libraries.create(
            c,
            project_id=library_access.chosen_project(caller, None),
            name=data.name,
            description=data.description or "",
            now_ms=platform.clock_ms(),
        )
    return _library(made)


@get("/{library_id:str}", **_READ)
def get_library(
    platform: GivenPlatform, caller: GivenCaller, library_id: FromPath[str]
) -> LibraryOut:
    """Return a library."""
    with platform.store.read() as c:
        return _library(library_access.seen_library(c, caller, library_id))


@route("/{library_id:str}", http_method=_PUT, status_code=200, **_CHANGE)
def change_library(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    data: JSONBody[LibraryInUpdate],
) -> LibraryOut:
    """Rename a library."""
    with platform.store.write() as c:
        library_access.changeable_library(c, caller, library_id)
        changed = libraries.change(
            c,
            library_id,
            name=UNSET if data.name is None else data.name,
            description=UNSET if data.description is None else data.description,
            now_ms=platform.clock_ms(),
        )
    return _library(changed)


@delete("/{library_id:str}", status_code=200, **_CHANGE)
def delete_library(
    platform: GivenPlatform, caller: GivenCaller, library_id: FromPath[str]
) -> LibraryOut:
    """Delete a library with its documents; return what it was."""
    with platform.store.read() as c:
        found = library_access.deletable_library(c, caller, library_id)
    keeping.remove_library(platform.store, files_of(platform), library_id)
    return _library(found)


@get("/{library_id:str}/documents", **_READ)
def list_documents(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    search: FromQuery[str | None] = None,
    page_size: _PageSize = 100,
    page: _Page = 0,
    page_token: FromQuery[str | None] = None,
    sort_by: FromQuery[_Sort] = "created_at",
    sort_order: FromQuery[Literal["asc", "desc"]] = "desc",
) -> ListDocumentOut:
    """Return a page of a library's documents; `search` is a part of their names."""
    with platform.store.read() as c:
        library_access.seen_library(c, caller, library_id)
        found = documents.list_of(c, library_id)
    if search:
        found = [each for each in found if search.casefold() in each.name.casefold()]
    field = {"size": "size_bytes", "name": "name"}.get(sort_by, f"{sort_by}_ms")
    found.sort(key=lambda each: (getattr(each, field), each.id), reverse=sort_order == "desc")
    shown, pagination, token = _paged(found, page_size, page, page_token)
    return ListDocumentOut(pagination, [_document(each) for each in shown], token)


@post("/{library_id:str}/documents", request_max_body_size=None, opt={"right": "infer"})
async def add_document(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    request: Request[Caller, Any, Any],
) -> Response[DocumentOut]:
    """Keep the file of the form's field `file`, whose name it keeps."""

    def find(c: Connection) -> str:
        return library_access.changeable_library(c, caller, library_id).id

    def check() -> None:
        with platform.store.read() as c:
            find(c)

    await asyncio.to_thread(check)
    form = FileReader(request.headers.get("content-type", ""))
    pieces = _pieces(request, form)
    first = await anext(pieces)  # by now its name is known
    document, is_duplicate = await receive(
        platform, _after(first, pieces), form.name or "", find_library=find, member_id=None
    )
    status = 200 if is_duplicate else 201
    return Response(_document(document), status_code=status, media_type=MediaType.JSON)


@get("/{library_id:str}/documents/{document_id:str}", **_READ)
def get_document(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    document_id: FromPath[str],
) -> DocumentOut:
    """Return what is known of a document."""
    with platform.store.read() as c:
        return _document(_seen(c, caller, library_id, document_id))


@route(
    "/{library_id:str}/documents/{document_id:str}", http_method=_PUT, status_code=200, **_CHANGE
)
def change_document(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    document_id: FromPath[str],
    data: JSONBody[DocumentUpdateIn],
) -> DocumentOut:
    """Rename a document."""
    with platform.store.write() as c:
        found = _seen(c, caller, library_id, document_id)
        if data.name is not None:
            documents.rename(c, found, data.name, platform.clock_ms())
        return _document(documents.get(c, found.id))


@delete("/{library_id:str}/documents/{document_id:str}", status_code=204, **_CHANGE)
def delete_document(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    document_id: FromPath[str],
) -> None:
    """Delete a document in all its versions."""
    with platform.store.read() as c:
        _seen(c, caller, library_id, document_id)
        found, _ = library_access.deletable_document(c, caller, document_id)
    keeping.remove_document(platform.store, files_of(platform), found, platform.clock_ms())


@get("/{library_id:str}/documents/{document_id:str}/text_content", **_READ)
def get_text(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    document_id: FromPath[str],
) -> DocumentTextContent:
    """Return all the text of a document; what is not read yet is not in it."""
    with platform.store.read() as c:
        found = _seen(c, caller, library_id, document_id)
        text = "\n\n".join(each.text for each in passages.list_of(c, found.id))
    return DocumentTextContent(text)


@get("/{library_id:str}/documents/{document_id:str}/status", **_READ)
def get_status(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    document_id: FromPath[str],
) -> ProcessingStatusOut:
    """Return how far a document is."""
    with platform.store.read() as c:
        found = _seen(c, caller, library_id, document_id)
    process, processing = _STATES[found.status]
    return ProcessingStatusOut(
        document_id=found.id, process_status=process, processing_status=processing
    )


@post("/{library_id:str}/documents/{document_id:str}/reprocess", status_code=204, **_CHANGE)
def reprocess_document(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    document_id: FromPath[str],
) -> None:
    """Have a document read anew."""
    with platform.store.write() as c:
        found = _seen(c, caller, library_id, document_id)
        if found.status not in documents.UNFINISHED:
            documents.retry(c, found.id, platform.clock_ms())


def router(given: Mapping[str, Provide]) -> Router:
    """Return the routes, handed what is `given`, with Mistral's way of saying what is wrong."""
    return Router(
        path=PATH,
        route_handlers=[
            list_libraries,
            create_library,
            get_library,
            change_library,
            delete_library,
            list_documents,
            add_document,
            get_document,
            change_document,
            delete_document,
            get_text,
            get_status,
            reprocess_document,
        ],
        guards=[mistral.keys_only, check_query],
        dependencies=given,
        exception_handlers={
            TramontaneError: mistral.render,
            HTTPException: mistral.render_http,
            Exception: mistral.render_unforeseen,
        },
        include_in_schema=False,
    )


def _paged(
    found: list[T], page_size: int, page: int, page_token: str | None
) -> tuple[list[T], PaginationInfo, str | None]:
    """Return a page of what was found, where it stands, and the token of the next one.

    A token is the number of its page; it goes before `page`. Raises InvalidRequest.
    """
    if page_token is not None:
        if not (page_token.isascii() and page_token.isdigit() and len(page_token) < 8):
            raise InvalidRequest(
                "page_token: must be the `next_page_token` of a page before.",
                param="page_token",
                code="invalid_value",
            )
        page = int(page_token)
    begin = page * page_size
    has_more = begin + page_size < len(found)
    pagination = PaginationInfo(
        total_items=len(found),
        total_pages=-(-len(found) // page_size),
        current_page=page,
        page_size=page_size,
        has_more=has_more,
    )
    return found[begin : begin + page_size], pagination, str(page + 1) if has_more else None


def _seen(c: Connection, caller: Caller, library_id: str, document_id: str) -> Document:
    found, library = library_access.seen_document(c, caller, document_id)
    if library.id != library_id:
        raise documents.missing()
    return found


async def _pieces(request: Request[Caller, Any, Any], form: FileReader) -> AsyncIterator[bytes]:
    """Yield the file's bytes: nothing at first, once its name is known."""
    is_named = False
    async for data in request.stream():
        piece = form.feed(data)
        if form.name is not None and not is_named:
            is_named = True
            yield b""
        if piece:
            yield piece
    form.end()


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


def _library(library: Library) -> LibraryOut:
    return LibraryOut(
        id=library.id,
        name=library.name,
        created_at=time_name(library.created_at_ms),
        updated_at=time_name(library.updated_at_ms),
        owner_id=library.member_id or library.project_id,
        owner_type="User" if library.member_id else "Workspace",
        total_size=library.size_bytes,
        nb_documents=library.documents,
        description=library.description or None,
    )


def _document(document: Document) -> DocumentOut:
    process, processing = _STATES[document.status]
    is_read = document.status in ("ready", "failed")
    return DocumentOut(
        id=document.id,
        library_id=document.library_id,
        hash=document.sha256,
        mime_type=MEDIA_TYPES.get(document.kind or ""),
        extension=PurePosixPath(document.name).suffix.lstrip(".").lower() or None,
        size=document.size_bytes,
        name=document.name,
        created_at=time_name(document.created_at_ms),
        last_processed_at=time_name(document.updated_at_ms) if is_read else None,
        number_of_pages=document.pages,
        process_status=process,
        processing_status=processing,
        uploaded_by_id=document.member_id,
        uploaded_by_type="User" if document.member_id else "Workspace",
    )
