"""Reads an uploaded file in a process of its own, so that no file can harm the studio.

`python -m tramontane.assistant.transfer.reading LANGUAGE` has the file as stdin and answers with
lines of JSON: a conversation, or what was skipped and why, each; last whether the file was whole.
Memory and processor time are limited. It knows no store.
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from tramontane.assistant.transfer import chatgpt, openwebui, own
from tramontane.assistant.transfer.file import Refused, elements
from tramontane.assistant.transfer.records import (
    WORDS,
    ImportedConversation,
    NotUnderstood,
    Skipped,
)

MEMORY_BYTES = 2 * 1024**3  # of addresses: the file is mapped too
PROCESSOR_S = 120
DEADLINE_S = 100.0
LINE_BYTES = 192 * 1024 * 1024


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The last line. `refused` says why the file could not be read to its end."""

    refused: str | None = None


Line = ImportedConversation | Skipped | Ended
_LINES: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def read(
    file: IO[bytes],
    language: str,
    deadline_s: float = DEADLINE_S,
    folder: Path | None = None,
) -> Iterator[ImportedConversation | Skipped]:
    """Yield what stands in `file`, read by a child. Raises Refused where it cannot be read.

    The child is ended after `deadline_s`; it unpacks below `folder`.
    """
    command = [sys.executable, "-m", __name__, language]
    environ = os.environ if folder is None else {**os.environ, "TMPDIR": str(folder)}
    file.seek(0)
    with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, env=environ) as child:
        watch = threading.Timer(deadline_s, child.kill)
        watch.start()
        try:
            assert child.stdout is not None
            while text := child.stdout.readline(LINE_BYTES):
                line = _line(text)
                if not isinstance(line, Ended):
                    yield line
                elif line.refused is None:
                    return
                else:
                    raise Refused(line.refused)
        finally:
            watch.cancel()
            child.kill()
    raise Refused("too_much")  # it was ended by its limits


def _line(text: bytes) -> Line:
    try:
        return _LINES.decode(text)
    except (msgspec.DecodeError, ValueError):
        raise Refused("too_much") from None  # cut off in the middle of a line


def lines(file: IO[bytes], language: str) -> Iterator[Line]:
    """Yield what stands in `file`, and `Ended`; in this process and without limits of time."""
    try:
        for element in elements(file):
            taken = _taken(element, language)
            if taken is not None:
                yield taken
    except Refused as error:
        yield Ended(error.reason)
    else:
        yield Ended()


def _taken(element: bytes | NotUnderstood, language: str) -> ImportedConversation | Skipped | None:
    if isinstance(element, NotUnderstood):
        return Skipped(element.title, element.reason)
    value: Any = None
    try:
        value = _decoded(element)
        if own.is_other(value):
            return None
        return _conversation(value, hashlib.sha256(element).hexdigest()[:32], language)
    except NotUnderstood as error:
        return Skipped(error.title, error.reason)
    except (ValueError, RecursionError):  # not JSON after all
        return Skipped("", "not_understood")


def _decoded(element: bytes) -> Any:
    try:
        return msgspec.json.decode(element)
    except msgspec.DecodeError:
        # Half a character pair, as JavaScript writes a text that was cut: it is mended later.
        return json.loads(element)


def _conversation(value: Any, key: str, language: str) -> ImportedConversation:
    words = WORDS.get(language, WORDS["en"])
    if own.is_one(value):
        return own.read(value, key)
    if chatgpt.is_one(value):
        return chatgpt.read(value, key, words)
    if openwebui.is_one(value):
        return openwebui.read(value, key, words)
    raise NotUnderstood


def main() -> int:
    """Read stdin, answer on stdout; return the exit status."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, PROCESSOR_S),
        (resource.RLIMIT_FSIZE, 1024**3),
    ):
        _limit(limit, most)
    encode = msgspec.json.Encoder().encode
    try:
        for line in lines(sys.stdin.buffer, sys.argv[1]):
            sys.stdout.buffer.write(encode(line) + b"\n")
            sys.stdout.buffer.flush()
    except (MemoryError, OSError):
        return 1  # the reader sees that the last line is missing
    return 0


def _limit(name: int, most: int) -> None:
    _, hard = resource.getrlimit(name)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(name, (most, hard))
    except (ValueError, OSError):
        return  # macOS refuses some; the sizes in `file` hold all the same


if __name__ == "__main__":
    sys.exit(main())
