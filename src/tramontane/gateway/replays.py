"""Answers that are kept for a day, for whoever asks again with the same Idempotency-Key.

Each is a sealed file (AES-256-GCM under a key derived from the pepper) named by a hash, so that the
folder tells nothing. Everything that touches the disk runs on a thread of its own. It does not know
dialects: an answer is its status, its header lines and its bytes.
"""

import logging
import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEPT_MS = 24 * 3_600_000
ANSWER_BYTES_MOST = 1_048_576
FOLDER_BYTES_MOST = 1_073_741_824
TIDY_EVERY_S = 600.0
_NONCE_BYTES = 12
_PURPOSE = b"tramontane kept answers 1"

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer. `media_type` is a stream's, empty where the answer is none. `asked` is the hash
    of what was asked; `body` None where it was too large to be kept.
    """

    asked: bytes
    at_ms: int
    status: int
    fields: bytes
    media_type: bytes
    body: bytes | None


class Replays:
    """The folder of kept answers, and which requests with a key are under way.

    `later` has a callback run on the loop; every method but those marked as the thread's is the
    loop's.
    """

    def __init__(
        self,
        folder: Path,
        pepper: bytes,
        clock_ms: Callable[[], int],
        later: Callable[[Callable[[], None]], None],
        *,
        bytes_most: int = FOLDER_BYTES_MOST,
    ) -> None:
        self._folder = folder
        self._pepper = pepper
        self._clock_ms = clock_ms
        self._later = later
        self._bytes_most = bytes_most
        self._thread: ThreadPoolExecutor | None = None
        self._sealing_key: bytes | None = None
        self._tidied_s: float | None = None
        self.under_way: set[bytes] = set()
        self.replayed = 0

    def look_up(
        self, name: bytes, asked: Sequence[bytes], found: Callable[[Kept | None, bytes], None]
    ) -> None:
        """Call `found` with the answer kept under `name`, if any, and the hash of `asked`."""

        def digest() -> bytes:
            whole = sha256()
            for part in asked:
                whole.update(part)
            return whole.digest()

        def job() -> tuple[Kept | None, bytes]:
            return self._read(name), digest()

        self._submit(job, lambda result: found(*(result or (None, digest()))))

    def keep(self, name: bytes, kept: Kept, done: Callable[[], None]) -> None:
        """Keep an answer and call `done`, also where the disk does not take it."""
        self._submit(lambda: self._write(name, kept), lambda _: done())

    def sweep(self, now_s: float) -> None:
        """Call this now and then: what is older than a day goes, the first time after a while."""
        if self._tidied_s is None:
            self._tidied_s = now_s
        elif now_s - self._tidied_s >= TIDY_EVERY_S:
            self._tidied_s = now_s
            self._submit(self._tidy, lambda _: None)

    def close(self) -> None:
        """Write what is still to be written."""
        if self._thread is not None:
            self._thread.shutdown()

    def _submit(self, job: Callable[[], T], then: Callable[[T | None], None]) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="replays")

        def finished(future: Future[T]) -> None:
            error = future.exception()
            if error is not None:
                _log.error("kept answers: %s", error)
            result = None if error is not None else future.result()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._later(lambda: then(result))

        self._thread.submit(job).add_done_callback(finished)

    # --- the thread's ----------------------------------------------------------------------------

    def _read(self, name: bytes) -> Kept | None:
        from cryptography.exceptions import InvalidTag

        try:
            sealed = (self._folder / name.hex()).read_bytes()
        except FileNotFoundError:
            return None
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            kept = msgspec.msgpack.decode(self._cipher().decrypt(nonce, rest, name), type=Kept)
        except (InvalidTag, ValueError):  # cut short, or of another pepper
            return None
        return kept if 0 <= self._clock_ms() - kept.at_ms < KEPT_MS else None

    def _write(self, name: bytes, kept: Kept) -> None:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher().encrypt(nonce, msgspec.msgpack.encode(kept), name)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / name.hex()
        written = path.with_suffix(".new")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(sealed)
        at_s = kept.at_ms / 1000
        os.utime(written, (at_s, at_s))
        written.replace(path)

    def _tidy(self) -> None:
        """Delete what is too old and, where the folder is too large, the oldest first."""
        oldest_s = (self._clock_ms() - KEPT_MS) / 1000
        files: list[tuple[float, int, str]] = []
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                about = entry.stat()
                files.append((about.st_mtime, about.st_size, entry.path))
        left_bytes = sum(size for _, size, _ in files)
        for at_s, size, path in sorted(files):
            if at_s > oldest_s and left_bytes <= self._bytes_most:
                break
            os.unlink(path)
            left_bytes -= size

    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        if self._sealing_key is None:
            self._sealing_key = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(self._pepper)
        return AESGCM(self._sealing_key)
