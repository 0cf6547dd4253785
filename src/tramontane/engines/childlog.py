"""What is kept of an engine's stderr: all of it while loading, only crashes while serving.

llama.cpp's errors, and the grammars it prints, hold pieces of requests, whatever its verbosity;
logs must hold none. Before the engine is ready there are no requests, so everything is kept.
"""

import contextlib
import re
from collections import deque
from pathlib import Path
from typing import BinaryIO

ROTATE_BYTES = 1 << 20
RUN_BYTES = 1 << 20
LINE_BYTES = 2_000

# Messages of fixed wording: where and what, never the data. ("what():" of an exception is data.)
_CRASH = re.compile(
    rb"GGML_ASSERT\(|GGML_ABORT|^terminate called after throwing|^libc\+\+abi: terminating due to"
    rb"|^Fatal Python error: [A-Za-z ]+$"
)
_ERROR = re.compile(rb"^[\d.]+ E (.*)$")
_CAUSE = re.compile(r"^llama_model_load: error loading model: (.*)$")


class ChildLog:
    """The log file of one run of a child. Feed it what stderr gave; it never blocks for long."""

    def __init__(self, path: Path, heading: str) -> None:
        """Append to `path`, after moving a long one aside to its name with `.1` at the end."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > ROTATE_BYTES:
            path.replace(path.with_name(path.name + ".1"))
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._room_bytes = RUN_BYTES
        self._partial = b""
        self._errors: deque[str] = deque(maxlen=20)
        self._left_out = 0
        self.is_serving = False
        self._write(f"--- {heading}\n".encode())

    @property
    def cause(self) -> str:
        """The engine's own reason why it could not load; empty where it gave none."""
        for error in self._errors:
            found = _CAUSE.match(error)
            if found:
                return found[1]
        return self._errors[0] if self._errors else ""

    def feed(self, data: bytes) -> None:
        """Take what stderr gave; lines may be split anywhere."""
        *lines, rest = (self._partial + data).split(b"\n")
        for line in lines:
            self._take(line)
        self._partial = rest[:LINE_BYTES]

    def close(self) -> None:
        """Write what is pending, and how many lines were left out."""
        if self._partial:
            self._take(self._partial)
        if self._left_out:
            self._write(b"(%d lines left out: they may hold requests)\n" % self._left_out)
        self._file.close()

    def _take(self, line: bytes) -> None:
        if self.is_serving and not _CRASH.search(line):
            self._left_out += 1
            return
        found = _ERROR.match(line)
        if found:
            self._errors.append(found[1].decode(errors="replace")[:300])
        self._write(line[:LINE_BYTES] + b"\n")

    def _write(self, line: bytes) -> None:
        if len(line) <= self._room_bytes:
            self._room_bytes -= len(line)
            with contextlib.suppress(OSError):  # a full disk must not end the supervision
                self._file.write(line)
