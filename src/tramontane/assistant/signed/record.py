"""What a receipt file holds, and the bytes that are signed.

The signed bytes are the file's JSON without `signature`, names sorted, without blanks, in UTF-8:
so a file that was indented or reordered on the way still verifies. It knows no store and no key.
"""

from typing import Annotated, Any

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.store.messages import Check, Receipt, ResultColumn

FORMAT = "tramontane-receipt/1"
FILE_BYTES_MAX = 32 << 20


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that the model was shown as `[number]`, word for word.

    `sha256` is that of the whole file that it comes from; None for `text` and `sha256`: the
    document was deleted before this file was made.
    """

    number: int
    document: str
    sha256: str | None
    version: int | None
    page: int
    label: str
    heading: str
    passage: int
    text: str | None
    language: str | None = None


class TableRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A table that was asked, and the SHA-256 of the file that it comes from, where it is one."""

    name: str
    title: str
    document: str | None = None
    sha256: str | None = None


class ResultRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a question to tables gave, with the SQL that was run."""

    id: str
    title: str
    sql: str
    tables: tuple[TableRecord, ...]
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int
    is_truncated: bool
    is_edited: bool


class ToolRecord(msgspec.Struct, frozen=True):
    """What a tool was asked and gave: figures in an answer may be its."""

    name: str
    arguments: str
    result: str
    is_error: bool


class TextRecord(msgspec.Struct, frozen=True):
    """One text of the answer; `part` is what `checks` call it."""

    part: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    text: str


class ReceiptFile(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: what was asked, what was said, from what, by whom, at what cost.

    `language` is the question's. `made_by` is None where no model was reached. `key` is the
    platform's public key (Ed25519, base64url): whether it is, is for the reader to compare.
    """

    format: str
    issued_at: str
    platform: str
    key: str
    conversation_id: str
    message_id: str
    asked_at: str
    status: str
    question: str
    language: str
    answer: tuple[TextRecord, ...]
    made_by: Receipt | None
    sources: tuple[SourceRecord, ...]
    results: tuple[ResultRecord, ...]
    tools: tuple[ToolRecord, ...]
    checks: tuple[Check, ...]
    signature: str = ""


def signed_bytes(document: dict[str, Any]) -> bytes:
    """Return what is signed of a receipt file that was read as JSON."""
    rest = {name: value for name, value in document.items() if name != "signature"}
    return msgspec.json.encode(rest, order="sorted")


def encode(file: ReceiptFile) -> bytes:
    """Return the file, indented to be read."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def decode(data: bytes) -> tuple[ReceiptFile, dict[str, Any]]:
    """Return a receipt file as a record and as plain JSON.

    Raises InvalidRequest `receipt_unreadable` where it is none.
    """
    try:
        document = msgspec.json.decode(data, type=dict[str, Any])
        file = msgspec.convert(document, ReceiptFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(str(error)) from None
    if file.format != FORMAT:
        raise _unreadable(f"its format is {file.format[:60]!r}, this version reads {FORMAT!r}")
    return file, document


def _unreadable(why: str) -> InvalidRequest:
    return InvalidRequest(f"This is no receipt file: {why}.", code="receipt_unreadable")
