"""The parent's side of reading a document: starts the child, waits, believes nothing it says.

The child is ended when it takes too long, says too much or what it says is not in the protocol. At
most one page is in memory here. It knows no format.
"""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

import msgspec

from tramontane.documents.extract import reasons
from tramontane.documents.extract.records import (
    At,
    Began,
    Ended,
    Limits,
    Line,
    Order,
    PageRead,
    Refused,
)
from tramontane.errors import ExtractFailed

LINE_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
ENDING_S = 5.0
SKIPPED_MOST = 2  # pages that a child may not survive before the document is given up
# What the child's Python needs to start, and no secret among them.
KEPT_ENVIRONMENT = (
    "PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)  # fmt: skip
_LINES: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def extract(path: Path, name: str, limits: Limits | None = None) -> Generator[Line]:
    """Yield Began, a PageRead for each page in order, and Ended, as a child reads `path`.

    `name` is what the file is called: a note says where its ending is another kind's. Raises
    ExtractFailed with a code that says why the document cannot be read; pages may have come before.
    Closing the iterator ends the child.
    """
    limits = limits or Limits()
    try:
        file = path.open("rb")
    except OSError as error:
        raise failed("corrupt", f"The file cannot be opened: {error.strerror}.") from error
    with file:
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes == 0:
            raise failed("empty", "The file is empty: it has 0 bytes. Check where it came from.")
        if size_bytes > limits.file_bytes:
            most = limits.file_bytes // 1024**2
            raise failed("too_large", f"The file is over {most} MB, the most that is read.")
        yield from _read(file, name, limits)


def failed(reason: str, message: str) -> ExtractFailed:
    """Return the error for `reason`, a key of `reasons.CODES`."""
    return ExtractFailed(message, code=reasons.CODES[reason])


def _read(file: IO[bytes], name: str, limits: Limits) -> Iterator[Line]:
    """Yield what a child says. A page that no child survives is left out by the next one."""
    order = Order(name=name[-255:], descriptor=file.fileno(), limits=limits)
    page = 0  # the last that was passed on; another child says the same up to there
    has_begun = False
    first: ExtractFailed | None = None
    while True:
        at = 0
        try:
            for line in _child(order):
                if isinstance(line, At):
                    at = line.page
                elif isinstance(line, PageRead):
                    if line.page > page:
                        yield line
                    page = max(page, line.page)
                elif not (isinstance(line, Began) and has_begun):
                    has_begun = True
                    yield line
            return
        except ExtractFailed as error:
            raise first or error from None  # without those pages there may be nothing to read
        except _LostChild as lost:
            first = first or lost.why
            if not at or at in order.skipped or len(order.skipped) == SKIPPED_MOST:
                raise first from None
            order = msgspec.structs.replace(order, skipped=(*order.skipped, at))


class _LostChild(Exception):
    """The child did not come to an end by itself."""

    def __init__(self, why: ExtractFailed) -> None:
        super().__init__(why.message)
        self.why = why


def _child(order: Order) -> Iterator[Line]:
    command = [sys.executable, "-P", "-m", __package__]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # kept open: its end tells the child that we are gone
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a document's text belongs into no log
        pass_fds=(order.descriptor,),
        cwd="/",
        env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
        start_new_session=True,
    ) as child:
        try:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(msgspec.json.encode(order) + b"\n")
            child.stdin.flush()
            yield from checked(Lines(child.stdout.fileno(), order.limits), order.limits)
        except TimedOut:
            raise _LostChild(failed("timeout", reasons.TIMEOUT)) from None
        except (BrokeOff, BrokenPipeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(ENDING_S)
            raise _LostChild(_why(child.returncode)) from None
        finally:
            child.kill()


class TimedOut(Exception):
    """The child took longer than it may."""


class BrokeOff(Exception):
    """The child ended before it had said so."""


class Lines:
    """The child's answer, line by line, within the limits of time and size."""

    def __init__(self, descriptor: int, limits: Limits) -> None:
        self._descriptor = descriptor
        self._limits = limits
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN | select.POLLHUP)
        self._left_s = limits.wall_s
        self._left_bytes = limits.output_bytes
        self._buffer = bytearray()

    def next(self) -> bytes:
        """Return the next line. Raises ExtractFailed for too many bytes, TimedOut, BrokeOff."""
        silent_s = self._limits.silence_s
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > LINE_BYTES:
                raise failed("too_large", reasons.TOO_LARGE)
            began_s = time.monotonic()
            chunk = self._chunk(min(silent_s, self._left_s))
            took_s = time.monotonic() - began_s
            self._left_s -= took_s
            silent_s -= took_s
            self._left_bytes -= len(chunk)
            if self._left_bytes < 0:
                raise failed("too_large", reasons.TOO_LARGE)
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _chunk(self, patience_s: float) -> bytes:
        if patience_s <= 0 or not self._poll.poll(patience_s * 1_000):
            raise TimedOut
        chunk = os.read(self._descriptor, CHUNK_BYTES)
        if not chunk:
            raise BrokeOff
        return chunk


def checked(lines: Lines, limits: Limits) -> Iterator[Line]:
    """Yield what the child says as long as it keeps to the order of the protocol."""
    page = number = 0
    has_begun = False
    while True:
        try:
            line = _LINES.decode(lines.next())
        except (msgspec.DecodeError, ValueError):
            raise failed("corrupt", reasons.CORRUPT) from None
        if isinstance(line, Refused):
            raise failed(line.reason if line.reason in reasons.CODES else "corrupt", line.message)
        if isinstance(line, At):
            yield line
            continue
        if isinstance(line, Began) is has_begun:
            raise failed("corrupt", reasons.CORRUPT)
        has_begun = True
        if isinstance(line, PageRead):
            numbers = [passage.number for passage in line.passages]
            expected = list(range(number + 1, number + len(numbers) + 1))
            strays = any(passage.page != line.page for passage in line.passages)
            if not page < line.page <= limits.pages or numbers != expected or strays:
                raise failed("corrupt", reasons.CORRUPT)
            page, number = line.page, number + len(numbers)
        yield line
        if isinstance(line, Ended):
            return


def _why(exit_code: int | None) -> ExtractFailed:
    """Return what it means that the child ended by itself: out of memory or time, or a crash."""
    ended_by = -(exit_code or 0)
    if ended_by == 24:  # SIGXCPU
        return failed("timeout", reasons.TIMEOUT)
    if ended_by in (6, 9) or exit_code == 3:  # an allocation failed; the system took it
        return failed("too_large", reasons.TOO_LARGE)
    return failed("corrupt", reasons.CORRUPT)
