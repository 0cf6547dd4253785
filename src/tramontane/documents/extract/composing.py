"""Makes passages of a document's blocks: 400 to 1,200 characters, headings and tables whole.

A passage stays on one page. It does not know formats.
"""

import itertools
from bisect import bisect_left, bisect_right

import msgspec

from tramontane.documents.extract.blocks import Block
from tramontane.documents.extract.languages import Languages
from tramontane.documents.passage import HEADING_SEPARATOR, Box, Passage, pack
from tramontane.text.sentences import sentences

LEAST = 400
MOST = 1_200
TABLE_MOST = 12_000
HEADING_MOST = 300
PATH_MOST = 400
FOREIGN_LEAST = 200  # characters; what is shorter has the language of what is beside it


class Composer:
    """Numbers passages through one document, and remembers under which headings it is."""

    def __init__(self) -> None:
        self._number = 0
        self._headings: list[tuple[int, str]] = []
        self._languages = Languages()

    @property
    def language(self) -> str | None:
        """What most of the document so far is written in."""
        return self._languages.main

    def passages(self, page: int, blocks: list[Block]) -> list[Passage]:
        """Return the passages of `page`, and remember its headings for the next."""
        made: list[Passage] = []
        waiting: list[Block] = []
        for block in blocks:
            block.text, block.boxes = _cleaned(block)
            if not block.text:
                continue
            if waiting and not _go_together(waiting, block):
                made += self._joined(page, waiting)
                waiting = []
            if block.kind == "heading" and len(block.text) <= HEADING_MOST:
                made += self._heading(page, block)
            elif block.kind == "table":
                made += [self._passage(page, part) for part in _table_parts(block)]
            else:
                waiting.append(block)
        return self._told(made + self._joined(page, waiting))

    def _told(self, made: list[Passage]) -> list[Passage]:
        """Return `made` with languages: a heading or table has that of the prose after it."""
        prose = {p.number: self._languages.of(p.text) for p in made if p.kind in ("text", "list")}
        found = self._languages.last
        if found is None and not any(prose.values()):  # a title page
            found = self._languages.of("\n".join(p.text for p in made), is_prose=False)
        for index in range(len(made) - 1, -1, -1):
            passage = made[index]
            told = prose.get(passage.number)
            if told or (passage.number in prose and len(passage.text) >= FOREIGN_LEAST):
                found = told
            if passage.kind in ("heading", "table") and not prose:
                found = self._languages.of(passage.text, is_prose=False) or found
            made[index] = msgspec.structs.replace(passage, language=found)
        return made

    def _heading(self, page: int, block: Block) -> list[Passage]:
        level = block.level or 1
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        passage = self._passage(page, block)
        self._headings.append((level, " ".join(block.text.split())[:120]))
        return [passage]

    def _joined(self, page: int, blocks: list[Block]) -> list[Passage]:
        if not blocks:
            return []
        kind = "list" if all(block.kind == "list" for block in blocks) else "text"
        text, boxes = "", list[Box]()
        for block in blocks:
            text += "\n" if text else ""
            boxes += [(box[0] + len(text), *box[1:]) for box in block.boxes]
            text += block.text
        whole = Block(kind, text, boxes=boxes)  # type: ignore[arg-type]
        return [self._passage(page, part) for part in _text_parts(whole, self._languages.last)]

    def _passage(self, page: int, block: Block) -> Passage:
        self._number += 1
        path = HEADING_SEPARATOR.join(text for _, text in self._headings)
        return Passage(
            number=self._number,
            page=page,
            kind="text"
            if block.kind == "heading" and len(block.text) > HEADING_MOST
            else block.kind,
            heading=path[:PATH_MOST],
            text=block.text,
            boxes=pack(block.boxes),
        )


def _cleaned(block: Block) -> tuple[str, list[Box]]:
    """Return text and boxes without what no store keeps: half characters and control characters."""
    text = block.text
    if not text.isprintable():
        text = "".join(_kept(character) for character in text)  # same length: boxes still hold
    if text.strip() == text:
        return text, block.boxes
    begin = len(text) - len(text.lstrip())
    stripped = text.strip()
    boxes = [(max(0, b[0] - begin), *b[1:]) for b in block.boxes if b[0] < begin + len(stripped)]
    return stripped, boxes


def _kept(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    return "\ufffd" if "\ud800" <= character <= "\udfff" else " "


def _go_together(waiting: list[Block], block: Block) -> bool:
    """Whether `block` may stand in one passage with those before it."""
    if block.kind not in ("text", "list"):
        return False
    length = sum(len(each.text) + 1 for each in waiting)
    if length + len(block.text) > MOST:
        return False
    # A list stays with the sentence that announces it, and is else a passage of its own.
    if waiting[-1].kind == block.kind or waiting[-1].text.endswith(":"):
        return True
    return length < LEAST


def _text_parts(block: Block, language: str | None) -> list[Block]:
    """Return `block` in parts of MOST characters at most, cut where a sentence ends."""
    text = block.text
    if len(text) <= MOST:
        return [block]
    ends = [end for _, end in sentences(text, language)]
    places = []
    at = 0
    while len(text) - at > MOST:
        last = bisect_right(ends, at + MOST) - 1
        if last >= 0 and ends[last] >= at + LEAST:
            at = ends[last]
        else:
            at = text.rfind(" ", at + LEAST, at + MOST) + 1 or at + MOST
        places.append(at)
    return _cut(block, places)


def _table_parts(block: Block) -> list[Block]:
    """Return a table whole; a very long one in parts, each with the table's first row."""
    text = block.text
    if len(text) <= TABLE_MOST:
        return [block]
    places = []
    at = 0
    while len(text) - at > TABLE_MOST:
        at = text.rfind("\n", at + TABLE_MOST // 2, at + TABLE_MOST) + 1 or at + TABLE_MOST
        places.append(at)
    first, *rest = _cut(block, places)
    if not block.boxes:  # else the row would have no place on the page
        head = text.partition("\n")[0][:1_000]
        rest = [Block("table", f"{head}\n{part.text}") for part in rest]
    return [first, *rest]


def _cut(block: Block, places: list[int]) -> list[Block]:
    """Return `block` in parts that begin at its start and at each of `places`."""
    starts = [box[0] for box in block.boxes]
    parts = []
    for begin, end in itertools.pairwise([0, *places, len(block.text)]):
        text = block.text[begin:end]
        begin += len(text) - len(text.lstrip())
        text = text.strip()
        boxes = block.boxes[bisect_left(starts, begin) : bisect_left(starts, begin + len(text))]
        if text:
            moved = [(box[0] - begin, *box[1:]) for box in boxes]
            parts.append(Block(block.kind, text, block.level, moved))
    return parts
