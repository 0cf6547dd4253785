"""Zipped documents, opened with suspicion: how much they unpack to is known before it is done.

It does not know what is in them.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tramontane.documents.extract.reasons import Unreadable, corrupt, too_large
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source


class Archive:
    """A zipped document. Raises Unreadable where it would burst, is damaged or needs a password."""

    def __init__(self, source: Source, limits: Limits) -> None:
        try:
            self._zip = zipfile.ZipFile(source.file())
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            raise corrupt() from None
        entries = self._zip.infolist()
        if len(entries) > limits.entries:
            raise too_large(f"The file holds {len(entries)} parts, more than any document has.")
        # `zipfile` never unpacks more of an entry than it claims, so the claims are the bound.
        self.unpacked_bytes = sum(entry.file_size for entry in entries)
        if self.unpacked_bytes > limits.unpacked_bytes:
            most = limits.unpacked_bytes // 1024**2
            raise too_large(f"The file unpacks to more than {most} MB, so it was not read.")
        self.names = {entry.filename: entry for entry in entries}

    def size(self, name: str) -> int:
        """Return how many bytes `name` unpacks to, 0 where it is not there."""
        return self.names[name].file_size if name in self.names else 0

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Yield the part `name`. Raises Unreadable where it is missing or damaged."""
        entry = self.names.get(name)
        if entry is None:
            raise corrupt(f"The file is damaged: its part {name[:80]} is missing.")
        if entry.flag_bits & 1:
            raise Unreadable(
                "encrypted",
                "The file is protected with a password. Save a copy without one and add that.",
            )
        try:
            with self._zip.open(entry) as part:
                yield part
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
            raise corrupt() from error
        except Exception as error:
            # zlib, lzma and bz2 each raise an error of their own for damaged data.
            if type(error).__module__ in ("zlib", "_lzma", "lzma"):
                raise corrupt() from error
            raise

    def read(self, name: str, most: int = 8 * 1024 * 1024) -> bytes:
        """Return the part `name`, `most` bytes at most; empty where it is not there."""
        if name not in self.names:
            return b""
        with self.open(name) as part:
            return part.read(most)
