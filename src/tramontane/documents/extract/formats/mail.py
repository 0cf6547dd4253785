"""E-mail: who wrote what to whom and when. Attachments are named in a note, not read.

It does not fetch pictures or anything else that a mail asks for.
"""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import cast

from tramontane.documents.extract import flow
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.formats import html, plain
from tramontane.documents.extract.reasons import too_large
from tramontane.documents.extract.records import MIB, Limits
from tramontane.documents.extract.source import Source
from tramontane.text import encodings

BYTES_MOST = 64 * MIB
HEADERS = ("From", "To", "Cc", "Date", "Subject")
PARTS_MOST = 1_000
NAMES_MOST = 50


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts, the headers that people read first."""
    if len(source) > BYTES_MOST:
        raise too_large(f"The e-mail is over {BYTES_MOST // MIB} MB, the most that is read.")
    message = email.message_from_bytes(source.map[:], policy=email.policy.default)
    attachments = [name for part in _parts(message) if (name := _attachment(part))]
    if attachments:
        more = f" and {len(attachments) - NAMES_MOST} more" if len(attachments) > NAMES_MOST else ""
        notes.add(
            "attachments",
            "Attachments were not read; add them as files of their own: "
            + ", ".join(attachments[:NAMES_MOST])
            + more,
        )
    yield Opened("part", title=_header(message, "Subject"))
    yield from flow.pages(_blocks(message))


def _blocks(message: EmailMessage) -> Iterator[Block]:
    lines = [f"{name}: {value}" for name in HEADERS if (value := _header(message, name))]
    if lines:
        yield Block("text", "\n".join(lines))
    body = message.get_body(("plain", "html"))
    if body is None:
        return
    text = _content(cast(EmailMessage, body))
    if body.get_content_subtype() == "html":
        yield from html.blocks_of(text)
    else:
        yield from plain.blocks(p for p in text.replace("\r\n", "\n").split("\n\n") if p.strip())


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold no others; without recursion, however deep they nest."""
    waiting = [message]
    seen = 0
    while waiting and seen < PARTS_MOST:
        part = waiting.pop()
        seen += 1
        if part.is_multipart():
            below = part.get_payload()
            waiting += reversed(cast(list[EmailMessage], below)) if isinstance(below, list) else []
        else:
            yield part


def _attachment(part: EmailMessage) -> str | None:
    name = part.get_filename()
    if name is None and part.get_content_disposition() != "attachment":
        return None
    return " ".join((name or part.get_content_type()).split())[:120]


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())[:2_000]
    except (ValueError, IndexError, AttributeError, LookupError):
        return ""  # the standard library trips over some broken headers


def _content(part: EmailMessage) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    try:
        return data.decode(part.get_content_charset("") or "?")
    except (LookupError, UnicodeDecodeError):
        return encodings.decode(data).text
