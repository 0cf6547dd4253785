"""A document's bytes on their way out: whole, or the part that a `Range` names (RFC 9110, 14).

They are to be kept, never run: whatever they are, they leave as an attachment whose type is not
guessed at. It does not know who may read them.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from litestar.response import Stream

from tramontane.errors import TramontaneError
from tramontane.store.documents import Document

_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
# What a browser may be told. All else, and whatever it could run, is only bytes.
MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
}


def sent_file(
    path: Path, document: Document, range_field: str | None, known_tag: str | None = None
) -> Stream:
    """Return the answer with the bytes at `path`, or those that `range_field` asks for.

    Raises TramontaneError (416) for a part that the file does not have.
    """
    size_bytes = os.stat(path).st_size
    tag = f'"{document.sha256}"'
    name = document.name.rpartition("/")[2]
    plain = re.sub(r"[^\w .-]+", " ", name.encode("ascii", "ignore").decode()).strip() or "file"
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-disposition": (
            f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        ),
        "etag": tag,
        "x-content-type-options": "nosniff",
    }
    if known_tag == tag and range_field is None:
        return Stream(_nothing(), status_code=304, headers=headers)
    first, last, is_part = _span(range_field, size_bytes)
    if is_part:
        headers["content-range"] = f"bytes {first}-{last}/{size_bytes}"
    headers["content-length"] = str(last - first + 1)
    return Stream(
        _pieces(path, first, last - first + 1),
        status_code=206 if is_part else 200,
        headers=headers,
        media_type=MEDIA_TYPES.get(document.kind or "", "application/octet-stream"),
    )


def _span(field: str | None, size_bytes: int) -> tuple[int, int, bool]:
    """Return the first and the last byte, and whether they are a part; several parts are all."""
    match = _RANGE.fullmatch(field.replace(" ", "")) if field else None
    if match is None or match.groups() == ("", ""):
        return 0, size_bytes - 1, False
    if not match[1]:
        first, last = max(0, size_bytes - int(match[2])), size_bytes - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size_bytes - 1), size_bytes - 1)
    if first > last:
        raise TramontaneError(
            f"This file has {size_bytes} bytes: ask for a part of those.",
            code="range_not_satisfiable",
            status=416,
            param="range",
        )
    return first, last, True


async def _pieces(path: Path, first: int, length: int) -> AsyncIterator[bytes]:
    file: BinaryIO = await asyncio.to_thread(path.open, "rb")
    with file:
        file.seek(first)
        while length > 0:
            piece = await asyncio.to_thread(file.read, min(_PIECE_BYTES, length))
            if not piece:
                return
            length -= len(piece)
            yield piece


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
