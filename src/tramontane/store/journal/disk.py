"""The few file operations that the journal needs, as a seam.

`FolderDisk` is the real one; `simulated_disk` has one that fails and forgets as disks do. Every
operation may raise OSError. It does not know what is in a file.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Protocol

from tramontane.errors import Conflict

_ZEROS = bytes(1 << 20)
_CANNOT_ALLOCATE = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}


class Disk(Protocol):
    """One folder of files; `name` is a plain file name in it, `fd` what `create` returned."""

    def lock(self, name: str) -> None:
        """Keep others from locking `name` until `unlock` or the process ends. Raises Conflict."""

    def unlock(self) -> None:
        """Give up every lock."""

    def names(self) -> list[str]:
        """Return the names of all files, in no order."""

    def create(self, name: str) -> int:
        """Return a descriptor of a new, empty file."""

    def allocate(self, fd: int, size_bytes: int) -> None:
        """Fill an empty file with zeros whose room on the disk is taken for good."""

    def pwrite(self, fd: int, data: bytes, offset: int, /) -> int:
        """Return how many bytes were written; a killed process does not lose them."""

    def sync(self, fd: int) -> None:
        """Return once what was written survives a loss of power."""

    def sync_folder(self) -> None:
        """Return once names created, changed and removed survive a loss of power."""

    def close(self, fd: int) -> None:
        """Close the descriptor."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, at once or not at all."""

    def unlink(self, name: str) -> None:
        """Remove a file."""

    def read(self, name: str, offset: int = 0, size_bytes: int = -1) -> bytes:
        """Return up to `size_bytes` from `offset` on; the rest of the file where negative."""


class FolderDisk:
    """A folder of the file system, created for its owner only where it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: list[int] = []
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    # The hot path: no frame of ours between the writer and the system call.
    pwrite = staticmethod(os.pwrite)

    def lock(self, name: str) -> None:
        """See Disk. The file holds the process id of its owner, for people."""
        path = self._folder / name
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise Conflict(
                f"{path} is in use by process {owner}; stop it first, or give this one another"
                " data folder"
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._locks.append(fd)

    def unlock(self) -> None:
        """See Disk."""
        while self._locks:
            os.close(self._locks.pop())

    def names(self) -> list[str]:
        """See Disk."""
        return os.listdir(self._folder)

    def create(self, name: str) -> int:
        """See Disk."""
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

    def allocate(self, fd: int, size_bytes: int) -> None:
        """See Disk. Where the system cannot reserve room (macOS, some file systems), zeros do."""
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(fd, 0, size_bytes)
            except OSError as error:
                if error.errno not in _CANNOT_ALLOCATE:
                    raise
            else:
                return
        for offset in range(0, size_bytes, len(_ZEROS)):
            zeros = _ZEROS[: size_bytes - offset]
            if os.pwrite(fd, zeros, offset) != len(zeros):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self, fd: int) -> None:
        """See Disk."""
        if hasattr(os, "fdatasync"):
            os.fdatasync(fd)
        else:
            os.fsync(fd)

    def sync_folder(self) -> None:
        """See Disk."""
        fd = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        """See Disk."""
        os.close(fd)

    def rename(self, old: str, new: str) -> None:
        """See Disk."""
        os.rename(self._folder / old, self._folder / new)

    def unlink(self, name: str) -> None:
        """See Disk."""
        os.unlink(self._folder / name)

    def read(self, name: str, offset: int = 0, size_bytes: int = -1) -> bytes:
        """See Disk."""
        with open(self._folder / name, "rb") as file:
            file.seek(offset)
            return file.read(size_bytes)
