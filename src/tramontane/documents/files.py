"""The bytes of documents on the disk, each file named by its own SHA-256, and what goes with them.

A file is hashed while it comes in and gets its name once it is whole and on the disk, so whatever
bears a name is whole, and the same bytes twice are one file. It is deleted when no document has it
any more; `locked` keeps that from happening while a document is just being added. It does not know
libraries, nor who may read a file.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from tramontane.datafolder import DataFolder, sync_folder
from tramontane.errors import InvalidRequest, NotFound, PayloadTooLarge, Unavailable

_INCOMING = ".incoming-"
_LOCK = ".lock"
_REMOVED = ".removed"
_PIECE_BYTES = 1024 * 1024
_SETTLE_S = 60.0
_LOADING_MOST_S = 7_200.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME = re.compile(r"[0-9a-f]{64}")
_ROOM_BYTES = 64 * 1024 * 1024
"""What an upload leaves free: the store and the metering journal are on the same disk."""


class Kept(msgspec.Struct, frozen=True):
    """A file that is whole and on the disk."""

    sha256: str
    size_bytes: int


class Incoming:
    """A file on its way in, made by `FileStore.incoming`."""

    def __init__(self, file: BinaryIO, path: Path, most_bytes: int) -> None:
        self._file = file
        self.path = path
        self._most_bytes = most_bytes
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self.size_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether `flush` should be called, on a thread, before more is added."""
        return self._waiting_bytes >= _PIECE_BYTES

    def add(self, piece: bytes) -> None:
        """Take in a piece. Raises PayloadTooLarge."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._most_bytes:
            raise PayloadTooLarge(
                f"This file is larger than {self._most_bytes:,} bytes, the most that is taken"
                " here (documents.file_bytes). Nothing was kept; split it, or ask the operator."
            )
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)

    def flush(self) -> None:
        """Write what has come. Raises Unavailable where there is no room."""
        data = b"".join(self._pieces)
        self._pieces, self._waiting_bytes = [], 0
        with _explained(self.path.parent):
            room = os.fstatvfs(self._file.fileno())
            if room.f_bavail * room.f_frsize < len(data) + _ROOM_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._hash.update(data)
            self._file.write(data)

    def end(self) -> Kept:
        """Have it all on the disk; return its hash. Raises InvalidRequest for no bytes at all."""
        self.flush()
        if not self.size_bytes:
            raise InvalidRequest(
                "The file is empty: it has 0 bytes. Check where it came from.",
                code="document_empty",
            )
        with _explained(self.path.parent):
            self._file.flush()
            os.fsync(self._file.fileno())
        return Kept(self._hash.hexdigest(), self.size_bytes)


class FileStore:
    """The files under `folder.files`. Its methods do plain file I/O: call them off a loop."""

    def __init__(self, folder: DataFolder) -> None:
        self._dir = folder.files
        self._tables = folder.tables

    def prepare(self) -> None:
        """Make the folders where they are missing."""
        for folder in (self._dir, self._tables):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def incoming(self, most_bytes: int) -> Iterator[Incoming]:
        """Yield where a file goes; it is gone afterwards unless it was given its name."""
        path = self._dir / f"{_INCOMING}{os.getpid()}-{os.urandom(8).hex()}"
        with _explained(self._dir):
            file = path.open("xb", buffering=0)
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield Incoming(file, path, most_bytes)
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold names still: what is named inside is deleted by nobody, in no process."""
        with (self._dir / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def name(self, incoming: Incoming, kept: Kept) -> None:
        """Give a whole file its name, lastingly. Only while `locked`."""
        path = self._named(kept.sha256)
        with _explained(self._dir):
            is_new = not path.parent.exists()
            path.parent.mkdir(mode=0o700, exist_ok=True)
            if is_new:
                sync_folder(self._dir)
            os.chmod(incoming.path, 0o400)
            os.replace(incoming.path, path)
            sync_folder(path.parent)

    def path(self, sha256: str) -> Path:
        """Return where the file lies. Raises NotFound where there is none."""
        path = self._named(sha256)
        if not path.is_file():
            raise NotFound("the file of this document is missing on the disk; upload it again")
        return path

    def table_path(self, document_id: str) -> Path:
        """Return where that document's tables lie, or are to be made."""
        return self._tables / f"{document_id}.duckdb"

    def remove(self, sha256: str) -> None:
        """Delete a file that no document has. Only while `locked`."""
        path = self._named(sha256)
        if path.exists():
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
            with suppress(OSError):  # others are in it
                path.parent.rmdir()

    def remove_tables(self, document_id: str) -> None:
        """Delete that document's tables, with what was left beside them."""
        for path in self._tables.glob(f"{document_id}.*"):
            path.unlink(missing_ok=True)

    def note_removal(self) -> None:
        """Leave word that the index of words has something to forget."""
        (self._dir / _REMOVED).touch()

    def is_removal_noted(self, after_s: float) -> bool:
        """Whether something was removed, the last of it more than `after_s` seconds ago."""
        try:
            noted_s = (self._dir / _REMOVED).stat().st_mtime
        except FileNotFoundError:
            return False
        return abs(time.time() - noted_s) >= after_s

    def clear_removal(self) -> None:
        """Take the word back, before the index is rewritten."""
        (self._dir / _REMOVED).unlink(missing_ok=True)

    def hashes(self) -> list[str]:
        """Return every file that bears a name."""
        return [path.name for path in self._dir.glob("[0-9a-f][0-9a-f]/*") if _is_name(path)]

    def table_owners(self) -> list[str]:
        """Return the documents that there are tables of."""
        return sorted({path.name.partition(".")[0] for path in self._tables.glob("doc_*")})

    def sweep_incoming(self, now_s: float | None = None) -> None:
        """Delete what uploads that died have left: files on their way that nobody holds."""
        now_s = time.time() if now_s is None else now_s
        for path in self._dir.glob(f"{_INCOMING}*"):
            with suppress(FileNotFoundError), path.open("rb") as file:
                if now_s - os.fstat(file.fileno()).st_mtime < _SETTLE_S:
                    continue  # it may be about to be locked
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                path.unlink(missing_ok=True)

    def sweep_loading(self, now_s: float | None = None) -> None:
        """Delete what is left of tables whose loading was killed."""
        now_s = time.time() if now_s is None else now_s
        for path in self._tables.glob(".loading-*"):
            with suppress(OSError):
                if now_s - path.stat().st_mtime > _LOADING_MOST_S:
                    shutil.rmtree(path, ignore_errors=True)

    def _named(self, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise NotFound("this is no SHA-256 of a file")
        return self._dir / sha256[:2] / sha256


def unreferenced(found: Collection[str], known: Collection[str]) -> list[str]:
    """Return what is on the disk and in no store."""
    return sorted(set(found) - set(known))


def _is_name(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None and path.name.startswith(path.parent.name)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable(
                "There is no room for this file on the platform's disk. Nothing was kept: free"
                " some space, or delete documents, and send it again.",
                code="disk_full",
                retry_after_s=60,
            ) from None
        raise Unavailable(
            f"{folder} cannot take a file ({error.strerror}); check its owner and rights",
            code="library_unwritable",
        ) from None
