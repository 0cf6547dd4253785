"""A file as it was uploaded, cut into conversations: JSON or a zip that holds it.

Every size is bounded by what is really there, never by what a header says, and no more than one
conversation is in memory at a time. It does not know what a conversation looks like.
"""

import mmap
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from tramontane.assistant.transfer.records import NotUnderstood

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_ELEMENT_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 100_000
MAX_DEPTH = 200
MAX_MEMBERS = 20_000
_PIECE_BYTES = 1024 * 1024
_CONVERSATIONS = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json", re.IGNORECASE)
# A whole string, or what opens and closes; a lone quotation mark is a string that never ends.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_WRAPPED = re.compile(rb'[\s\xef\xbb\xbf]*+\{\s*+"conversations"\s*+:\s*+\[')
_FIRST = re.compile(rb"[^\s\xef\xbb\xbf]")


class Refused(Exception):
    """The file as a whole cannot be read. `reason` is a stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def elements(file: IO[bytes]) -> Iterator[bytes | NotUnderstood]:
    """Yield the JSON of each conversation in `file`, or why one was passed over. Raises Refused."""
    file.seek(0)
    is_zip = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    if not is_zip:
        yield from _of_json(file)
        return
    for unpacked in _unpacked(file):
        yield from _of_json(unpacked)


def _unpacked(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield each file of conversations in the zip, unpacked to a file without a name."""
    left = MAX_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(file) as archive:
            for member in _members(archive):
                with tempfile.TemporaryFile() as target:
                    with archive.open(member) as source:
                        while piece := source.read(_PIECE_BYTES):
                            left -= len(piece)
                            if left < 0:
                                raise Refused("unpacked_too_large")
                            target.write(piece)
                    yield target
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # RuntimeError: it asks for a password.
        raise Refused("bad_zip") from error


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    every = archive.infolist()
    if len(every) > MAX_MEMBERS:
        raise Refused("bad_zip")
    found = [m for m in every if _CONVERSATIONS.fullmatch(m.filename)]
    if not found:
        found = [m for m in every if m.filename.lower().endswith(".json")]
        found = found if len(found) == 1 else []
    if not found:
        raise Refused("no_conversations_in_zip")
    return sorted(found, key=lambda member: member.filename)


def _of_json(file: IO[bytes]) -> Iterator[bytes | NotUnderstood]:
    """Yield the elements of a list, or objects that follow one another, as our own export's do."""
    data = _mapped(file)
    wrapped = _WRAPPED.match(data)
    if wrapped is not None:
        yield from _objects(data, wrapped.end(), is_list=True)
        return
    first = _FIRST.search(data)
    if first is None or first.group() not in (b"[", b"{"):
        raise Refused("not_json")
    is_list = first.group() == b"["
    yield from _objects(data, first.end() if is_list else first.start(), is_list)


def _objects(data: mmap.mmap, position: int, is_list: bool) -> Iterator[bytes | NotUnderstood]:
    depth = deepest = start = count = 0
    for token in _TOKEN.finditer(data, position):
        word = token.group()
        if word in (b"{", b"["):
            if depth == 0:
                start, deepest = token.start(), 0
                count += 1
                if count > MAX_ELEMENTS:
                    raise Refused("too_many")
            depth += 1
            deepest = max(deepest, depth)
        elif word in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                yield _element(data, start, token.end(), deepest)
            elif depth < 0 and is_list:
                return
            elif depth < 0:
                break
        elif word == b'"':
            break
    else:
        if depth == 0 and not is_list:
            return
    raise Refused("not_json")  # it never ends: the file was cut off


def _element(data: mmap.mmap, start: int, end: int, deepest: int) -> bytes | NotUnderstood:
    if end - start > MAX_ELEMENT_BYTES:
        return NotUnderstood("too_large", _title(data[start : start + 1000]))
    if deepest > MAX_DEPTH:
        return NotUnderstood("too_nested", _title(data[start : start + 1000]))
    return data[start:end]


def _title(head: bytes) -> str:
    """Return the title where it stands near the beginning, for the report."""
    found = re.search(rb'"title": ?"([^"\\]{1,200})"', head)
    return found[1].decode("utf-8", "replace") if found else ""


def _mapped(file: IO[bytes]) -> mmap.mmap:
    # Never closed by hand: what searches it may still hold it.
    file.flush()
    if file.seek(0, 2) == 0:
        raise Refused("not_json")
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
