"""The folder of model files, each named by its own SHA-256.

A file is copied in while it is hashed, checked as it then lies there, and only then given its
name, so whatever bears a name is whole, and the same file twice is one. One that was fetched into a
folder of the library's own, and verified there, is moved. Files are read-only. It does not know
which deployment uses a file; the store does.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tramontane.datafolder import sync_folder
from tramontane.engines.gguf import GGUFHeader, read_header
from tramontane.errors import InvalidModelFile, NotFound, Unavailable
from tramontane.store.records import ModelFile

Progress = Callable[[int, int], None]  # bytes done, bytes in all

_CHUNK_BYTES = 4 << 20
_INCOMING = ".incoming-"
_PULL = ".pull-"
_SETTLE_S = 60.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ModelLibrary:
    """Model files under `models_dir`. Its methods do plain file I/O: call them off a loop."""

    def __init__(self, models_dir: Path) -> None:
        self._dir = models_dir

    def add(
        self, path: Path, name: str, now_ms: int, progress: Progress | None = None
    ) -> ModelFile:
        """Copy the GGUF file at `path` in and return its record; `progress` follows the copy.

        Raises InvalidModelFile for what is no whole GGUF model, and Unavailable (`disk_full`,
        `library_unwritable`) where it cannot be kept; then nothing of it is left behind.
        """
        header = read_header(path)
        self._prepare(header.size_bytes, path.name, now_ms)
        with _report_failure(self._dir, path.name), self._incoming() as (file, temporary):
            sha256 = _copy(path, file, progress)
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
            # Read again: what was copied counts, not what lay there before.
            header = read_header(temporary, path.name)
            os.replace(temporary, self._named(sha256))
            sync_folder(self._dir)
        return _record(sha256, name, header, now_ms)

    def pull_folder(self, pull_id: str) -> Path:
        """Return the folder that this pull may fill, made where it is missing.

        Raises Unavailable (`library_unwritable`).
        """
        folder = self._pull_folder(pull_id)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self._dir, error) from None
        return folder

    def accept(self, path: Path, sha256: str, name: str, now_ms: int) -> ModelFile:
        """Move in the file at `path`, which lies in a pull's folder and whose bytes were found to
        have this hash; return its record.

        Raises InvalidModelFile for what is no whole GGUF model, and Unavailable as `add` does.
        """
        header = read_header(path, name)
        with _report_failure(self._dir, name):
            path.chmod(0o444)
            os.replace(path, self._named(sha256))
            sync_folder(self._dir)
        return _record(sha256, name, header, now_ms)

    def remove_pull(self, pull_id: str) -> None:
        """Delete what a pull has fetched so far, if there is something."""
        shutil.rmtree(self._pull_folder(pull_id), ignore_errors=True)

    def sweep_pulls(self, known_ids: Collection[str]) -> None:
        """Delete what is left of pulls other than these."""
        for folder in self._dir.glob(f"{_PULL}*"):
            if folder.name.removeprefix(_PULL) not in known_ids:
                shutil.rmtree(folder, ignore_errors=True)

    def _pull_folder(self, pull_id: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", pull_id):
            raise NotFound(f"{pull_id[:80]!r} is no pull")
        return self._dir / f"{_PULL}{pull_id}"

    def path(self, sha256: str) -> Path:
        """Return where the file lies; NotFound where there is none."""
        path = self._named(sha256)
        if not path.is_file():
            raise NotFound(f"the file of model {sha256[:12]} is missing; add it again")
        return path

    def hashes(self) -> tuple[str, ...]:
        """Return the hashes of all files that are there."""
        names = (path.name for path in self._dir.glob("sha256-*.gguf"))
        return tuple(name.removeprefix("sha256-").removesuffix(".gguf") for name in names)

    def describe(self, sha256: str, name: str, now_ms: int) -> ModelFile:
        """Return the record of a file that is there. Raises NotFound, InvalidModelFile."""
        return _record(sha256, name, read_header(self.path(sha256), name), now_ms)

    def verify(self, sha256: str, progress: Progress | None = None) -> None:
        """Hash the file anew; InvalidModelFile where it is no longer what it was."""
        path = self.path(sha256)
        with path.open("rb") as file:
            found = _hash(file, os.fstat(file.fileno()).st_size, progress)
        if found != sha256:
            raise InvalidModelFile(
                f"the file of model {sha256[:12]} has changed since it was added; remove it and"
                " add it again"
            )

    def remove(self, sha256: str) -> None:
        """Delete the file, if it is there. An engine that has it open keeps it until it stops."""
        path = self._named(sha256)
        if path.exists():
            path.unlink(missing_ok=True)
            sync_folder(self._dir)

    def _named(self, sha256: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise NotFound(f"'{sha256[:80]}' is no SHA-256 of a model file")
        return self._dir / f"sha256-{sha256}.gguf"

    def _prepare(self, size_bytes: int, name: str, now_ms: int) -> None:
        try:
            self._dir.mkdir(parents=True, exist_ok=True)
            self._sweep(now_ms)
            free_bytes = shutil.disk_usage(self._dir).free
        except OSError as error:
            raise _unwritable(self._dir, error) from None
        if size_bytes > free_bytes:
            raise _disk_full(self._dir, name, f"it needs {size_bytes} bytes, {free_bytes} are free")

    def _sweep(self, now_ms: int) -> None:
        """Delete what copies that died have left: temporary files that nobody holds locked."""
        for path in self._dir.glob(f"{_INCOMING}*"):
            with suppress(FileNotFoundError), path.open("rb") as file:  # its copy may end just now
                age_s = now_ms / 1_000 - os.fstat(file.fileno()).st_mtime
                if age_s > _SETTLE_S and _lock(file):  # a young one may be about to be locked
                    path.unlink(missing_ok=True)

    @contextmanager
    def _incoming(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A locked temporary file, gone afterwards unless it was given its name."""
        path = self._dir / f"{_INCOMING}{os.getpid()}-{os.urandom(8).hex()}"
        with path.open("xb") as file:
            try:
                _lock(file)
                yield file, path
            finally:
                path.unlink(missing_ok=True)


def _record(sha256: str, name: str, header: GGUFHeader, now_ms: int) -> ModelFile:
    return ModelFile(
        sha256=sha256,
        name=name,
        size_bytes=header.size_bytes,
        architecture=header.architecture,
        parameters=header.parameters,
        quantisation=header.quantisation,
        context_tokens=header.context_tokens,
        has_chat_template=header.chat_template is not None,
        added_at_ms=now_ms,
    )


def _copy(source: Path, target: BinaryIO, progress: Progress | None) -> str:
    with source.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        sha256 = _hash(file, total, progress, target)
    target.flush()
    return sha256


def _hash(
    file: BinaryIO, total: int, progress: Progress | None, target: BinaryIO | None = None
) -> str:
    """Return the SHA-256 of `file` in hexadecimal, writing what is read to `target`."""
    digest = hashlib.sha256()
    done = 0
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
        done += len(chunk)
        if progress is not None:
            progress(done, max(total, done))
    return digest.hexdigest()


@contextmanager
def _report_failure(models_dir: Path, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(models_dir, name, str(error.strerror)) from None
        raise _unwritable(models_dir, error) from None


def _disk_full(models_dir: Path, name: str, detail: str) -> Unavailable:
    return Unavailable(
        f"no room for {name} in {models_dir}: {detail}; free some space, or remove models with"
        " `tramontane model rm`",
        code="disk_full",
    )


def _unwritable(models_dir: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{models_dir} cannot take a model file ({error.strerror}); check its owner and rights",
        code="library_unwritable",
    )


def _lock(file: BinaryIO) -> bool:
    """Lock `file` until it is closed; False where another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
