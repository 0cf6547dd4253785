"""Documents in and out of a library: the row and the file together, whatever happens in between.

A document is acknowledged once its bytes and its row are both on the disk; one that is deleted
leaves neither row, index, file nor tables. A crash in between leaves at most a file that no row
has, which `sweep` deletes. It does not know who may do what.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from sqlalchemy import Connection

from tramontane.documents.files import FileStore, Incoming, unreferenced
from tramontane.store import conversations, documents, libraries, passages
from tramontane.store.database import Store
from tramontane.store.documents import Document, Removed
from tramontane.store.tidying import tidy_index

_AT_ONCE = 200
TIDY_AFTER_S = 10.0
PASSAGES_AT_ONCE = 500


def keep(
    store: Store,
    files: FileStore,
    incoming: Incoming,
    *,
    find_library: Callable[[Connection], str],
    member_id: str | None,
    name: str,
    now_ms: int,
) -> tuple[Document, bool]:
    """Return the document of a file that has come in, and whether its bytes were there already.

    `find_library` says where it goes, in the same transaction. Raises what that raises,
    InvalidRequest for the name or an empty file, Unavailable.
    """
    kept = incoming.end()
    with files.locked():
        files.name(incoming, kept)
        with store.write() as c:
            library_id = find_library(c)
            document, is_duplicate = documents.add(
                c,
                library_id=library_id,
                member_id=member_id,
                name=name,
                sha256=kept.sha256,
                size_bytes=kept.size_bytes,
                now_ms=now_ms,
            )
            if not is_duplicate:
                libraries.touch(c, library_id, now_ms)
    return document, is_duplicate


def remove_document(store: Store, files: FileStore, document: Document, now_ms: int) -> None:
    """Delete a document in all its versions, for good."""
    with store.read() as c:
        versions = documents.list_versions(c, document.library_id, document.name)
    for version in versions:
        forget_passages(store, version.id)
    with store.write() as c:
        versions = documents.list_versions(c, document.library_id, document.name)
        removed = documents.remove(c, [each.id for each in versions])
        libraries.touch(c, document.library_id, now_ms)
    forget(store, files, removed)


def remove_library(store: Store, files: FileStore, library_id: str) -> None:
    """Delete a library with all that is in it. Documents go one by one, so that none waits long."""
    with store.read() as c:
        ids = documents.ids_of(c, library_id)
    for document_id in ids:
        forget_passages(store, document_id)
        with store.write() as c:
            removed = documents.remove(c, [document_id])
        forget(store, files, removed)
    with store.write() as c:
        removed = documents.remove(c, documents.ids_of(c, library_id))  # what came meanwhile
        libraries.remove(c, library_id)
    forget(store, files, removed)


def remove_conversation(store: Store, files: FileStore, conversation_id: str) -> None:
    """Delete a conversation with all that hangs on it, and the documents brought into it."""
    with store.read() as c:
        own = libraries.of_conversation(c, conversation_id)
    if own is not None and own.documents:
        remove_library(store, files, own.id)
    with store.write() as c:
        removed = conversations.remove(c, conversation_id)
    forget(store, files, removed)


def forget_passages(store: Store, document_id: str) -> None:
    """Delete what was found in a document, in short transactions: the index takes its time."""
    is_more = True
    while is_more:
        with store.write() as c:
            is_more = passages.remove(c, [document_id], PASSAGES_AT_ONCE)


def set_aside(store: Store, document: Document) -> None:
    """Have the earlier versions of a document leave the index, in short transactions."""
    with store.read() as c:
        versions = documents.list_versions(c, document.library_id, document.name)
    for version in versions:
        is_more = version.superseded_at_ms is not None
        while is_more:
            with store.write() as c:
                is_more = passages.set_aside(c, version.id, PASSAGES_AT_ONCE)


def forget(store: Store, files: FileStore, removed: Iterable[Removed]) -> None:
    """Delete what is on the disk of documents whose rows are gone, unless another has it."""
    removed = list(removed)
    if removed:
        files.note_removal()
    for each in removed:
        files.remove_tables(each.document_id)
    hashes = {each.sha256 for each in removed}
    if not hashes:
        return
    with files.locked():
        with store.read() as c:
            known = documents.known_hashes(c, hashes)
        for sha256 in unreferenced(hashes, known):
            files.remove(sha256)


def sweep(store: Store, files: FileStore) -> int:
    """Delete the files that no document has, as crashes leave them; return how many."""
    files.sweep_incoming()
    files.sweep_loading()
    found, owners, deleted = files.hashes(), files.table_owners(), 0
    for at in range(0, len(found), _AT_ONCE):
        with files.locked():
            with store.read() as c:
                known = documents.known_hashes(c, found[at : at + _AT_ONCE])
            for sha256 in unreferenced(found[at : at + _AT_ONCE], known):
                files.remove(sha256)
                deleted += 1
    for at in range(0, len(owners), _AT_ONCE):
        with store.read() as c:
            known = documents.known_ids(c, owners[at : at + _AT_ONCE])
        for document_id in unreferenced(owners[at : at + _AT_ONCE], known):
            files.remove_tables(document_id)
            deleted += 1
    return deleted


def tidy(
    store: Store,
    files: FileStore,
    pause: Callable[[], None],
    after_s: float = TIDY_AFTER_S,
) -> None:
    """Have the index of words forget what was removed, in short transactions with a `pause` each.

    Nothing happens within `after_s` of a removal: more may follow.
    """
    if not files.is_removal_noted(after_s):
        return
    files.clear_removal()
    is_first, is_more = True, True
    while is_more:
        with store.write() as c:
            is_more = tidy_index(c, "passages_words", is_first=is_first)
        is_first = False
        pause()


def path_of(files: FileStore, document: Document) -> Path:
    """Return where a document's bytes lie. Raises NotFound."""
    return files.path(document.sha256)
