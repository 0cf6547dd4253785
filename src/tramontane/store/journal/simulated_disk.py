"""A disk that fails, tears and forgets as real ones do, from a seed: the fake of `Disk`.

It keeps what each file holds now apart from what a loss of power would leave: pages written since
the last sync may survive, be lost or be torn, each by itself; a failed sync loses its pages for
good, although they can still be read until then; names changed since the last `sync_folder`
survive up to some point in their order. Nothing here knows what a journal is.
"""

import errno
import os
from random import Random

from tramontane.errors import Conflict


class Crash(BaseException):
    """The process ended here. Until `restart` every operation raises it again."""


class _File:
    def __init__(self) -> None:
        self.content = bytearray()
        self.durable = bytearray()
        self.allocated_bytes = 0
        self.pages: set[int] = set()  # written since the last sync
        self.lost_pages: set[int] = set()  # dropped by a failed sync

    def after_power_loss(self, random: Random, page_bytes: int) -> "_File":
        survivor = _File()
        size = random.choice((len(self.durable), len(self.content)))
        kept = bytearray(self.durable[:size].ljust(size, b"\0"))
        for page in self.pages | self.lost_pages:
            start, end = page * page_bytes, (page + 1) * page_bytes
            tear = start + random.choice((0, page_bytes, random.randrange(page_bytes)))
            tear = min(tear, size)
            if random.random() < 0.5:
                kept[start:tear] = self.content[start:tear]
            else:
                kept[tear : min(end, size)] = self.content[tear : min(end, size)]
        survivor.content = kept
        survivor.durable = bytearray(kept)
        survivor.allocated_bytes = size
        return survivor


class SimulatedDisk:
    """See Disk. Set the fields to make it fail; `crash_in` counts down one per operation."""

    def __init__(self, random: Random, *, page_bytes: int = 512) -> None:
        self.full = False  # nothing new can be allocated
        self.fail_sync = False
        self.fail_write = False
        self.crash_in: int | None = None
        self.operations = 0
        self._random = random
        self._page_bytes = page_bytes
        self._names: dict[str, _File] = {}
        self._durable_names: dict[str, _File] = {}
        self._renames: list[tuple[str | None, str | None, _File]] = []  # since `sync_folder`
        self._files: dict[int, _File] = {}
        self._locks: set[str] = set()
        self._next_fd = 3
        self._crashed = False

    def restart(self, *, power_loss: bool) -> None:
        """Let a new process use what the crash left; faults are over."""
        self.full = self.fail_sync = self.fail_write = self._crashed = False
        self.crash_in = None
        self._files.clear()
        self._locks.clear()
        if not power_loss:
            return
        names = dict(self._durable_names)
        for old, new, file in self._renames[: self._random.randint(0, len(self._renames))]:
            _apply(names, old, new, file)
        self._names = {
            name: file.after_power_loss(self._random, self._page_bytes)
            for name, file in sorted(names.items())
        }
        self._durable_names = dict(self._names)
        self._renames.clear()

    def step(self) -> None:
        """Count an operation, here or of another part; crash before it where its time has come."""
        if self._crashed:
            raise Crash
        self.operations += 1
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self._crashed = True
                raise Crash

    def lock(self, name: str) -> None:
        """See Disk."""
        self.step()
        if name in self._locks:
            raise Conflict(f"{name} is in use")
        self._locks.add(name)

    def unlock(self) -> None:
        """See Disk."""
        self._locks.clear()

    def names(self) -> list[str]:
        """See Disk."""
        self.step()
        return list(self._names)

    def create(self, name: str) -> int:
        """See Disk."""
        self.step()
        if name in self._names:
            raise _error(errno.EEXIST)
        file = _File()
        self._change(None, name, file)
        self._next_fd += 1
        self._files[self._next_fd] = file
        return self._next_fd

    def allocate(self, fd: int, size_bytes: int) -> None:
        """See Disk. A full disk takes some of it before it fails."""
        self.step()
        file = self._files[fd]
        if self.full:
            file.content.extend(bytes(self._random.randrange(size_bytes)))
            raise _error(errno.ENOSPC)
        file.content = bytearray(size_bytes)
        file.allocated_bytes = size_bytes

    def pwrite(self, fd: int, data: bytes, offset: int, /) -> int:
        """See Disk. A crash or a failing disk leaves any beginning of `data`."""
        try:
            self.step()
        except Crash:
            if fd in self._files:
                self._write(fd, data[: self._random.randint(0, len(data))], offset)
            raise
        if not (self.fail_write and data):
            assert offset + len(data) <= self._files[fd].allocated_bytes, "room was not reserved"
            self._write(fd, data, offset)
            return len(data)
        part = self._random.randrange(len(data))
        self._write(fd, data[:part], offset)
        if self._random.random() < 0.5:
            return part
        raise _error(self._random.choice((errno.EIO, errno.ENOSPC)))

    def _write(self, fd: int, data: bytes, offset: int) -> None:
        file = self._files[fd]
        end = offset + len(data)
        file.content[offset:end] = data
        file.pages.update(range(offset // self._page_bytes, -(-end // self._page_bytes)))

    def sync(self, fd: int) -> None:
        """See Disk."""
        self.step()
        file = self._files[fd]
        if self.fail_sync:
            file.lost_pages |= file.pages
            file.pages.clear()
            raise _error(errno.EIO)
        size = len(file.content)
        file.durable = file.durable[:size].ljust(size, b"\0")
        for page in file.pages:
            start, end = page * self._page_bytes, (page + 1) * self._page_bytes
            file.durable[start:end] = file.content[start:end]
        # A page that is written again after its sync failed reaches the disk whole.
        file.lost_pages -= file.pages
        file.pages.clear()

    def sync_folder(self) -> None:
        """See Disk."""
        self.step()
        if self.fail_sync:
            raise _error(errno.EIO)
        self._durable_names = dict(self._names)
        self._renames.clear()

    def close(self, fd: int) -> None:
        """See Disk."""
        del self._files[fd]

    def rename(self, old: str, new: str) -> None:
        """See Disk."""
        self.step()
        if old not in self._names:
            raise _error(errno.ENOENT)
        self._change(old, new, self._names[old])

    def unlink(self, name: str) -> None:
        """See Disk."""
        self.step()
        if name not in self._names:
            raise _error(errno.ENOENT)
        self._change(name, None, self._names[name])

    def read(self, name: str, offset: int = 0, size_bytes: int = -1) -> bytes:
        """See Disk."""
        self.step()
        if name not in self._names:
            raise _error(errno.ENOENT)
        end = None if size_bytes < 0 else offset + size_bytes
        return bytes(memoryview(self._names[name].content)[offset:end])

    def _change(self, old: str | None, new: str | None, file: _File) -> None:
        _apply(self._names, old, new, file)
        self._renames.append((old, new, file))


def _apply(names: dict[str, _File], old: str | None, new: str | None, file: _File) -> None:
    if old is not None:
        names.pop(old, None)
    if new is not None:
        names[new] = file


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
