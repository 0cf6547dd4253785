"""A passage: a piece of a document that is searched, cited and shown, and where its words stand.

Word boxes are packed five numbers each: where the word (or the part of it that stands on one line)
begins in the passage's text, then left, top, right and bottom in 65535ths of the page as it is
shown, from its top left corner. It does not know files.
"""

import struct
from collections.abc import Iterable
from typing import Literal

import msgspec

Kind = Literal["text", "heading", "table", "list"]
Box = tuple[int, int, int, int, int]
Rectangle = tuple[float, float, float, float]

HEADING_SEPARATOR = " › "
WHOLE = 65_535
_BOX = struct.Struct("<5H")


class Passage(msgspec.Struct, frozen=True):
    """`number` counts from 1 through the document, `page` from 1; offsets in `text` are characters.

    `heading` is the path of headings above it, "A › B"; a heading's own path ends before it. A
    table has one row a line, its cells apart by " | ". `boxes` is empty where the kind of document
    has no rectangles.
    """

    number: int
    page: int
    kind: Kind
    heading: str
    text: str
    language: str | None = None
    boxes: bytes = b""


def pack(boxes: Iterable[Box]) -> bytes:
    """Return (start, left, top, right, bottom) of each word as bytes; numbers are kept in range."""
    made = bytearray()
    for box in boxes:
        made += _BOX.pack(*(min(max(number, 0), WHOLE) for number in box))
    return bytes(made)


def unpack(boxes: bytes) -> list[Box]:
    """Return what `pack` was given. Raises ValueError for bytes that it did not make."""
    if len(boxes) % _BOX.size:
        raise ValueError("not the boxes of words")
    return list(_BOX.iter_unpack(boxes))


def rectangles(
    boxes: bytes, text_length: int, start: int = 0, end: int | None = None
) -> list[Rectangle]:
    """Return where the characters from `start` to `end` (none: the end) stand on the page.

    One rectangle for each line: left, top, right, bottom as fractions of the page, from its top
    left corner. Whole words; none where the document has no rectangles.
    """
    words = unpack(boxes)
    end = text_length if end is None else min(end, text_length)
    if start >= end:
        return []
    lines: list[list[int]] = []
    for index, (begin, *word) in enumerate(words):
        after = words[index + 1][0] if index + 1 < len(words) else text_length
        if begin >= end or after <= start:
            continue
        if lines and _is_same_line(lines[-1], word):
            line = lines[-1]
            line[:] = [
                min(line[0], word[0]),
                min(line[1], word[1]),
                max(line[2], word[2]),
                max(line[3], word[3]),
            ]
        else:
            lines.append(word)
    return [(a / WHOLE, b / WHOLE, c / WHOLE, d / WHOLE) for a, b, c, d in lines]


def _is_same_line(line: list[int], word: list[int]) -> bool:
    """Whether `word` goes on to the right at the same height: half of the lower of the two."""
    shared = min(line[3], word[3]) - max(line[1], word[1])
    lower = max(1, min(line[3] - line[1], word[3] - word[1]))
    return shared * 2 >= lower and word[0] >= line[0]
