"""The child that fetches a model: `python -m tramontane.engines.pull_child`.

It has an Order as a line on stdin, says how it goes on stdout as `pull_lines` has it, and ends when
stdin does. It goes on with what lies in its folder from before; what it calls fetched has been read
back and compared with the hub's SHA-256. It knows neither the library nor the store.
"""

import errno
import fcntl
import hashlib
import os
import resource
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from tramontane.engines import memory
from tramontane.engines.gguf import HeaderUnfinished, read_beginning
from tramontane.engines.hub import Fits, HubFile, Part, Source, find, parse_source, propose
from tramontane.engines.hub_client import HubClient
from tramontane.engines.joining import join
from tramontane.engines.protocol import exit_with_parent, lower_risks, private_stdout
from tramontane.engines.pull_lines import (
    Described,
    Fetched,
    Fetching,
    Found,
    Line,
    Order,
    Refused,
    Verifying,
)
from tramontane.errors import Conflict, InvalidModelFile, TramontaneError, Unavailable

MEMORY_BYTES = 2 << 30
SAY_EVERY_S = 0.25
SYNC_EVERY_BYTES = 256 << 20
HEADER_FIRST_BYTES = 256 << 10
_CHUNK_BYTES = 4 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AGAIN = ("hub_unreachable", "hub_failed", "pull_busy")
_SPOILT = ("hash_mismatch", "invalid_model_file")

Say = Callable[[Line], None]


class Fetcher:
    """Fetches what one order says."""

    def __init__(
        self,
        order: Order,
        client: HubClient,
        say: Say,
        sleep: Callable[[float], None] = time.sleep,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._order = order
        self._client = client
        self._say = say
        self._sleep = sleep
        self._clock_s = clock_s
        self._folder = Path(order.folder)
        self._said_s = float("-inf")
        self._total_bytes = 0
        self._before_bytes = 0  # of parts that are whole
        self._is_described = False

    def run(self) -> None:
        """Fetch it. Raises TramontaneError, OSError."""
        source, model = self._find()
        if model.sha256 in self._order.known:
            return
        self._total_bytes = model.size_bytes
        self._check_disk(model)
        paths = []
        for number, part in enumerate(model.parts):
            paths.append(self._whole(source, part, is_first=number == 0, of=len(model.parts)))
            self._before_bytes += part.size_bytes
        if len(paths) == 1:
            assert model.sha256 is not None
            self._say(Fetched(paths[0].name, model.sha256))
        else:
            self._say(Fetched(*self._joined(paths)))

    def _find(self) -> tuple[Source, HubFile]:
        asked = parse_source(self._order.source)
        listing = self._client.listing(asked)
        model = propose(listing, self._fits) if asked.file is None else find(listing, asked.file)
        unknown = [part.path for part in model.parts if part.sha256 is None]
        if unknown:
            raise Conflict(
                f"The hub says no SHA-256 of {unknown[0]}, so it could not be verified, and is not"
                " fetched. Download it by hand and add it: tramontane model add FILE.",
                code="hub_hash_missing",
            )
        self._say(
            Found(
                repository=listing.repository,
                revision=listing.revision,
                file=model.file,
                size_bytes=model.size_bytes,
                quantisation=model.quantisation,
                sha256=model.sha256,
                was_proposed=asked.file is None,
            )
        )
        # From here on the commit counts: a branch may move while this goes on.
        return Source(listing.repository, model.file, listing.revision), model

    def _fits(self, model: HubFile) -> Fits:
        available = memory.Memory(None, self._order.available_bytes)
        return memory.verdict(memory.need_of_file(model.size_bytes), available)

    def _check_disk(self, model: HubFile) -> None:
        there = sum(_size(self._path(part)) for part in model.parts)
        wanted = model.size_bytes * (2 if len(model.parts) > 1 else 1) - there
        free = shutil.disk_usage(self._folder).free
        if wanted > free:
            raise _disk_full(f"{wanted} more bytes are needed, {free} are free")

    def _path(self, part: Part) -> Path:
        return self._folder / f"{part.sha256}.part"

    def _whole(self, source: Source, part: Part, *, is_first: bool, of: int) -> Path:
        """Return the file of `part`, whole and verified; fetched anew once if it is damaged."""
        path = self._path(part)
        for is_last_try in (False, True):
            try:
                with path.open("ab") as file:
                    _lock(file)
                    self._fetch(source, part, file, is_first=is_first, of=of)
                self._verify(part, path)
                return path
            except TramontaneError as error:
                if error.code not in _SPOILT:
                    raise
                path.unlink(missing_ok=True)
                if is_last_try:
                    raise
        raise AssertionError("the last try returns or raises")

    def _fetch(
        self, source: Source, part: Part, file: BinaryIO, *, is_first: bool, of: int
    ) -> None:
        patience = self._order.patience
        tries, delay_s = 0, patience.retry_first_s
        if _end(file) > part.size_bytes:
            file.truncate(0)
        self._tell(_end(file), is_due=True)
        while (have := _end(file)) < part.size_bytes:
            try:
                self._piece(source, part, file, is_first=is_first, of=of)
            except Unavailable as error:
                if error.code not in _AGAIN:
                    raise
                if _end(file) > have:
                    tries, delay_s = 0, patience.retry_first_s
                tries += 1
                if tries >= patience.tries:
                    raise
                self._sleep(max(delay_s, error.retry_after_s or 0))
                delay_s = min(2 * delay_s, patience.retry_most_s)
            else:
                tries = 0
        self._describe(part, file, is_first=is_first, of=of)
        file.flush()
        _sync(file)

    def _piece(
        self, source: Source, part: Part, file: BinaryIO, *, is_first: bool, of: int
    ) -> None:
        """Ask for what comes next, a piece at a time: some servers give no more than so much."""
        have = _end(file)
        last = min(have + self._order.piece_bytes, part.size_bytes) - 1
        unsynced, next_look = 0, max(HEADER_FIRST_BYTES, 2 * have)
        with self._client.bytes_of(source, part.path, have, last) as answer:
            if answer.size_bytes not in (None, part.size_bytes) or answer.start > have:
                raise Unavailable(
                    f"The hub sends another file than its list says for {part.path}.",
                    code="hub_failed",
                )
            if answer.start < have:
                file.truncate(answer.start)  # it began earlier than asked: its bytes count
            done = answer.start
            for chunk in answer.chunks:
                chunk = chunk[: part.size_bytes - done]
                file.write(chunk)
                done += len(chunk)
                unsynced += len(chunk)
                self._tell(done)
                if done >= next_look:
                    self._describe(part, file, is_first=is_first, of=of)
                    next_look = 2 * done
                if unsynced >= SYNC_EVERY_BYTES:
                    file.flush()
                    _sync(file)
                    unsynced = 0
                if done >= part.size_bytes:
                    break  # whatever else it sends: that may have no end
        file.flush()
        if done == have:
            raise Unavailable("The hub sent nothing.", code="hub_failed")

    def _describe(self, part: Part, file: BinaryIO, *, is_first: bool, of: int) -> None:
        """Check the header as soon as it is there: no 40 GB for what is no model."""
        if not is_first or self._is_described:
            return
        file.flush()
        try:
            header = read_beginning(
                self._path(part), part.path.rpartition("/")[2], part.size_bytes, is_part=of > 1
            )
        except HeaderUnfinished:
            return
        self._is_described = True
        self._say(
            Described(
                architecture=header.architecture,
                context_tokens=header.context_tokens,
                shape=memory.shape_of(header, self._total_bytes),
            )
        )

    def _tell(self, done_bytes: int, *, is_due: bool = False) -> None:
        now_s = self._clock_s()
        if is_due or now_s - self._said_s >= SAY_EVERY_S:
            self._said_s = now_s
            self._say(Fetching(self._before_bytes + done_bytes, self._total_bytes))

    def _verify(self, part: Part, path: Path) -> None:
        """Compare what lies on the disk with the hub's word: what was sent does not count."""
        digest = hashlib.sha256()
        done = 0
        self._say(Verifying(self._before_bytes, self._total_bytes))
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                now_s = self._clock_s()
                if now_s - self._said_s >= SAY_EVERY_S:
                    self._said_s = now_s
                    self._say(Verifying(self._before_bytes + done, self._total_bytes))
        if digest.hexdigest() != part.sha256:
            raise InvalidModelFile(
                f"{part.path} came with other bytes than the hub says it has (SHA-256), twice."
                " Nothing of it was kept. Try again later, or from another hub.",
                code="hash_mismatch",
            )

    def _joined(self, paths: list[Path]) -> tuple[str, str]:
        """Make one file of verified parts; return its name and hash."""
        joined = self._folder / "joined.part"
        with joined.open("wb") as target:
            join(paths, target, lambda _: None)
            target.flush()
            _sync(target)
        digest = hashlib.sha256()
        with joined.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        for path in paths:
            path.unlink(missing_ok=True)
        return joined.name, digest.hexdigest()


def _end(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync(file: BinaryIO) -> None:
    sync = getattr(os, "fdatasync", os.fsync)  # macOS has none
    sync(file.fileno())


def _lock(file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Unavailable(
            "Another process still fetches this file here.", code="pull_busy"
        ) from None


def _disk_full(detail: str) -> Unavailable:
    return Unavailable(
        f"There is no room for the model: {detail}. Free some space, then let it go on.",
        code="disk_full",
    )


def refused(error: TramontaneError | OSError) -> Refused:
    """Return what the parent is told of an error."""
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return refused(_disk_full(str(error.strerror)))
        return Refused(
            code="library_unwritable",
            message=f"The models folder cannot be written to ({error.strerror}).",
            is_final=True,
        )
    return Refused(
        code=error.code,
        message=error.message,
        is_final=error.code not in _AGAIN,
        spoils=error.code in _SPOILT,
        retry_after_s=error.retry_after_s,
    )


def main() -> int:
    """Carry out one order; return 1 where it could not be."""
    answer = private_stdout()
    lower_risks()
    with suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    encode = msgspec.json.Encoder().encode

    with open(answer, "wb", buffering=0) as out:

        def say(line: Line) -> None:
            out.write(encode(line) + b"\n")

        try:
            patience = order.patience
            with HubClient(
                order.url,
                order.key,
                ca_file=order.ca_file,
                read_timeout_s=patience.read_timeout_s,
            ) as client:
                Fetcher(order, client, say).run()
        except (TramontaneError, OSError) as error:
            with suppress(BrokenPipeError):
                say(refused(error))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
