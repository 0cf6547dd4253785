"""`/api/v1/libraries`: the documents of a project that belong together."""

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.documents import keeping
from tramontane.store import libraries
from tramontane.store.libraries import Library
from tramontane.store.windows import time_name
from tramontane.studio import library_access
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.uploads import files_of

TAG = "Libraries"


class LibraryView(msgspec.Struct, frozen=True, kw_only=True):
    """A library. `documents` counts names, `size_bytes` every version. `conversation_id` is set
    where it holds a conversation's own files. `may_change`: fill, rename; `may_delete` it whole.
    """

    id: str
    project_id: str
    conversation_id: str | None
    name: str
    description: str
    is_mine: bool
    may_change: bool
    may_delete: bool
    documents: int
    size_bytes: int
    created_at: str
    updated_at: str


class LibraryList(msgspec.Struct, frozen=True):
    """Libraries by name."""

    data: list[LibraryView]


class NewLibrary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a library begins with. A key may leave its project out."""

    name: str
    project_id: str | None = None
    description: str = ""


class LibraryChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be another; what is left out stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


@get(
    "/libraries",
    **describe("listLibraries", "List libraries", TAG, right="read", errors=(404,)),
)
def list_libraries(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> LibraryList:
    """Those of the caller's projects, or of one; not those of conversations."""
    ids = caller.project_ids
    if project_id is not None:
        ids = (library_access.seen_project(caller, project_id),)
    with platform.store.read() as c:
        found = libraries.list_of_projects(c, ids)
        return LibraryList([library_view(c, caller, each) for each in found])


@post(
    "/libraries",
    **describe("createLibrary", "Make a library", TAG, right="infer", errors=(404, 413)),
)
def create_library(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewLibrary]
) -> LibraryView:
    """For everybody in the project. It is empty: add documents to it."""
    project_id = library_access.chosen_project(caller, data.project_id)
    with platform.store.write() as c:
        made = libraries.create(
            c,
            project_id=project_id,
            member_id=library_access.member_id_of(caller),
            name=data.name,
            description=data.description,
            now_ms=platform.clock_ms(),
        )
        return library_view(c, caller, made)


@get(
    "/libraries/{library_id:str}",
    **describe("getLibrary", "Show a library", TAG, right="read", errors=(404,)),
)
def get_library(
    platform: GivenPlatform, caller: GivenCaller, library_id: FromPath[str]
) -> LibraryView:
    """One of a project of the caller's, or of a conversation that they may read."""
    with platform.store.read() as c:
        return library_view(c, caller, library_access.seen_library(c, caller, library_id))


@patch(
    "/libraries/{library_id:str}",
    **describe("changeLibrary", "Rename a library", TAG, right="infer", errors=(404, 413)),
)
def change_library(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    data: JSONBody[LibraryChanges],
) -> LibraryView:
    """Everybody in its project may."""
    with platform.store.write() as c:
        library_access.changeable_library(c, caller, library_id)
        changed = libraries.change(
            c,
            library_id,
            name=data.name,
            description=data.description,
            now_ms=platform.clock_ms(),
        )
        return library_view(c, caller, changed)


@delete(
    "/libraries/{library_id:str}",
    status_code=204,
    **describe("deleteLibrary", "Delete a library", TAG, right="infer", errors=(404,)),
)
def delete_library(platform: GivenPlatform, caller: GivenCaller, library_id: FromPath[str]) -> None:
    """For good, with its documents, their tables and what the search knew of them. Who made it, or
    manages the project, may.
    """
    with platform.store.read() as c:
        library_access.deletable_library(c, caller, library_id)
    keeping.remove_library(platform.store, files_of(platform), library_id)


def library_view(c: Connection, caller: Caller, library: Library) -> LibraryView:
    """Return `library` as the caller, who may see it, is shown it."""
    changes = library_access.may_change(c, caller, library)
    own_id = library_access.member_id_of(caller)
    return LibraryView(
        id=library.id,
        project_id=library.project_id,
        conversation_id=library.conversation_id,
        name=library.name,
        description=library.description,
        is_mine=own_id is not None and library.member_id == own_id,
        may_change=changes,
        may_delete=changes and library_access.may_delete(caller, library),
        documents=library.documents,
        size_bytes=library.size_bytes,
        created_at=time_name(library.created_at_ms),
        updated_at=time_name(library.updated_at_ms),
    )
