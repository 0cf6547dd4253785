"""The bytes of one document, mapped into memory and never copied whole where it can be helped.

It does not know what they are.
"""

import ctypes
import errno
import io
import mmap
from collections.abc import Iterable


class Source:
    """An open file. `name` is what people call it; `skipped` pages are not to be looked at."""

    def __init__(self, descriptor: int, name: str, skipped: Iterable[int] = ()) -> None:
        self.descriptor = descriptor
        self.name = name
        self.skipped = frozenset(skipped)
        self.map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)

    def __len__(self) -> int:
        return len(self.map)

    def head(self, size: int = 65_536) -> bytes:
        """Return the first bytes, `size` at most."""
        return self.map[:size]

    def array(self) -> "ctypes.Array[ctypes.c_ubyte]":
        """Return the bytes as C sees them, without a copy."""
        return (ctypes.c_ubyte * len(self.map)).from_buffer(self.map)

    def file(self) -> io.BufferedReader:
        """Return a file to seek and read in, apart from every other."""
        return io.BufferedReader(_MapReader(self.map))


class _MapReader(io.RawIOBase):
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the beginning")  # as files do
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        data = self._data[self._at : self._at + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
