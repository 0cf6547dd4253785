"""Plain text in whatever encoding: paragraphs between empty lines, headings by their look.

It is read piece by piece, so a long one takes no more memory than a short one.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from tramontane.documents.extract import flow
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source
from tramontane.documents.passage import Kind
from tramontane.text import encodings

PIECE_BYTES = 1024 * 1024
PARAGRAPH_MOST = 20_000
WRAPPED_LEAST = 50  # characters a line has on average where a program broke the lines
HEADING_MOST = 90
_NUMBERED = re.compile(r"^\d{1,2}(?:\.\d{1,2})*\.?\s+\S")
_ITEM = re.compile(r"^\s{0,8}(?:[-*•–·]|\(?\d{1,3}[.)]|[a-z]\))\s+\S")
_BROKEN = re.compile(r"([^\W\d_])-\n([^\W\d_])")


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts; an encoding that is not UTF-8, or several, are noted."""
    yield Opened("part")
    yield from flow.pages(blocks(_paragraphs(_lines(source, notes))))


def blocks(paragraphs: Iterable[str]) -> Iterator[Block]:
    """Yield paragraphs as blocks: one with line breaks that a program made is one line again."""
    for paragraph in paragraphs:
        lines = [line.rstrip() for line in paragraph.strip("\n").split("\n")]
        if all(_ITEM.match(line) or line.startswith("  ") for line in lines):
            yield Block("list", "\n".join(line.strip() for line in lines))
        elif len(lines) == 1 and (level := _heading(lines[0].strip())):
            yield Block("heading", lines[0].strip(), level)
        elif len(lines) > 1 and sum(map(len, lines[:-1])) >= WRAPPED_LEAST * (len(lines) - 1):
            kind: Kind = "list" if _ITEM.match(lines[0]) else "text"
            yield Block(kind, " ".join(_BROKEN.sub(_joined, "\n".join(lines)).split()))
        else:
            yield Block("text", "\n".join(lines))


def _joined(match: re.Match[str]) -> str:
    hyphen = "-" if match[2].isupper() else ""
    return f"{match[1]}{hyphen}{match[2]}"


def _heading(line: str) -> int:
    """Return the level of a heading that stands alone, 0 for any other line."""
    if not 3 <= len(line) <= HEADING_MOST or line[-1] in ".,;:!?":
        return 0
    letters = [character for character in line if character.isalpha()]
    if numbered := _NUMBERED.match(line):
        return numbered[0].strip().count(".") + 1 if len(letters) > 2 else 0
    return 1 if len(letters) > 3 and all(letter.isupper() for letter in letters) else 0


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    kept: list[str] = []
    length = 0
    for line in lines:
        if not line.strip() or length > PARAGRAPH_MOST:
            if kept:
                yield "\n".join(kept)
            kept, length = [], 0
        if line.strip():
            kept.append(line)
            length += len(line)
    if kept:
        yield "\n".join(kept)


def _lines(source: Source, notes: Notes) -> Iterator[str]:
    rest = ""
    for text in _texts(source, notes):
        *lines, rest = (rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        yield from (line.replace("\f", " ") for line in lines)
        if len(rest) > PARAGRAPH_MOST:  # a line without an end
            yield from (
                rest[at : at + PARAGRAPH_MOST] for at in range(0, len(rest), PARAGRAPH_MOST)
            )
            rest = ""
    if rest:
        yield rest


def _texts(source: Source, notes: Notes) -> Iterator[str]:
    """Yield the text piece by piece."""
    encoding = encodings.encoding_of(source.head(encodings.LOOKED_AT))
    if encoding.startswith("utf-") and encoding != "utf-8":
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        for at in range(0, len(source), PIECE_BYTES):
            yield decoder.decode(source.map[at : at + PIECE_BYTES])
        yield decoder.decode(b"", True)
        return
    legacy = encodings.legacy_of(source.head(encodings.LOOKED_AT))
    has_utf8 = False
    for piece in _pieces(source):
        decoded = encodings.by_line(piece, legacy)
        if decoded.is_mixed or (has_utf8 and decoded.encoding != "utf-8"):
            notes.add(
                "mixed_encodings",
                f"Some lines are UTF-8 and others {legacy}; each was read as what it is.",
            )
        has_utf8 = has_utf8 or (decoded.encoding == "utf-8" and not piece.isascii())
        yield decoded.text


def _pieces(source: Source) -> Iterator[bytes]:
    """Yield the bytes in pieces that end where a line does, or a word at the least."""
    at = 0
    while at < len(source):
        piece = source.map[at : at + PIECE_BYTES]
        if at + len(piece) < len(source):
            end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1 or piece.rfind(b" ") + 1
            piece = piece[: end or None]
        yield piece
        at += len(piece)
