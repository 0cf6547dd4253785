"""Cuts running text, which has no pages, into parts of about 3,000 characters.

A part begins at a heading where one is near. It does not know formats.
"""

from collections.abc import Iterable, Iterator

from tramontane.documents.extract.blocks import Block, Page

AIM = 3_000
EARLY = 2_000  # from here on, a heading begins a new part
MOST = 4_500


def pages(blocks: Iterable[Block]) -> Iterator[Page]:
    """Yield the parts, numbered from 1."""
    number = 1
    part: list[Block] = []
    length = 0
    for block in blocks:
        for piece in _pieces(block):
            is_heading = piece.kind == "heading"
            is_full = length + len(piece.text) > AIM or (is_heading and length > EARLY)
            if part and is_full and not _is_headings_only(part):
                kept = _trailing_headings(part) if not is_heading else []
                yield Page(number, part[: len(part) - len(kept)])
                number, part, length = number + 1, kept, sum(len(b.text) for b in kept)
            part.append(piece)
            length += len(piece.text)
    if part:
        yield Page(number, part)


def _pieces(block: Block) -> Iterator[Block]:
    """Yield a paragraph that is longer than a part in several; tables stay whole."""
    text = block.text
    if block.kind in ("table", "heading") or len(text) <= MOST:
        yield block
        return
    while len(text) > MOST:
        at = max(text.rfind(end, AIM // 2, AIM) for end in ("\n", ". ", " ")) + 1 or AIM
        yield Block(block.kind, text[:at])
        text = text[at:]
    yield Block(block.kind, text)


def _is_headings_only(part: list[Block]) -> bool:
    return all(block.kind == "heading" for block in part)


def _trailing_headings(part: list[Block]) -> list[Block]:
    """Return the headings at the end of `part`: they belong to what comes after."""
    at = len(part)
    while at and part[at - 1].kind == "heading":
        at -= 1
    return part[at:]
