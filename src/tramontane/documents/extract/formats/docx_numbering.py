"""The numbers that Word writes before headings and list items: "2.1", "(a)", "iv.".

They are not in the text: the file only says how each list counts. It does not know paragraphs.
"""

import re

import msgspec

from tramontane.documents.extract import xml
from tramontane.documents.extract.archive import Archive

LEVELS = 9
LABEL_MOST = 40
_PLACE = re.compile(r"%([1-9])")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


class _Level(msgspec.Struct):
    kind: str = "decimal"
    text: str = ""
    start: int = 1


class Numbering:
    """Counts as Word does: a level begins anew where one above it has gone on."""

    def __init__(self) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}  # of each definition
        self._definitions: dict[str, str] = {}  # of each list
        self._restarts: dict[str, dict[int, int]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._begun: set[tuple[str, int]] = set()

    @classmethod
    def read(cls, archive: Archive, part: str) -> "Numbering":
        """Return what `part` says; nothing where it is missing."""
        made = cls()
        if part not in archive.names:
            return made
        definition = number = ""
        level = _Level()
        at = 0
        with archive.open(part) as file:
            for event in xml.events(file):
                if not isinstance(event, xml.Start):
                    continue
                value = event.attributes.get("w:val", "")
                if event.name == "w:abstractNum":
                    definition, number = event.attributes.get("w:abstractNumId", ""), ""
                elif event.name == "w:num":
                    number = event.attributes.get("w:numId", "")
                elif event.name == "w:abstractNumId":
                    made._definitions[number] = value
                elif event.name == "w:lvlOverride":
                    at = _index(event.attributes.get("w:ilvl", ""))
                elif event.name == "w:startOverride":
                    made._restarts.setdefault(number, {})[at] = _whole(value)
                elif event.name == "w:lvl" and not number:
                    level = _Level()
                    at = _index(event.attributes.get("w:ilvl", ""))
                    made._levels.setdefault(definition, {})[at] = level
                elif number:
                    continue
                elif event.name == "w:start":
                    level.start = _whole(value)
                elif event.name == "w:numFmt":
                    level.kind = value
                elif event.name == "w:lvlText":
                    level.text = value[:LABEL_MOST]
        return made

    def label(self, number: str, at: int) -> str:
        """Return what stands before the next paragraph of list `number` at level `at`, from 0.

        Empty for bullets, and for lists that the file does not describe.
        """
        definition = self._definitions.get(number, "")
        levels = self._levels.get(definition, {})
        at = min(max(at, 0), LEVELS - 1)
        level = levels.get(at)
        if level is None:
            return ""
        counts = self._counts.setdefault(definition, [None] * LEVELS)
        restart = self._restarts.get(number, {}).get(at)
        if restart is not None and (number, at) not in self._begun:
            counts[at] = restart
        else:
            before = counts[at]
            counts[at] = level.start if before is None else before + 1
        self._begun.add((number, at))
        counts[at + 1 :] = [None] * (LEVELS - at - 1)
        if level.kind in ("bullet", "none"):
            return ""
        return _PLACE.sub(lambda place: self._shown(levels, counts, int(place[1]) - 1), level.text)

    def _shown(self, levels: dict[int, _Level], counts: list[int | None], at: int) -> str:
        level = levels.get(at, _Level())
        count = counts[at]
        return written(level.start if count is None else count, level.kind)


def written(count: int, kind: str) -> str:
    """Return `count` as Word's format `kind` writes it: 4, d, iv."""
    if count < 1 or count > 5_000:
        return str(count)
    if kind in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter if kind == "lowerLetter" else letter.upper()
    if kind in ("lowerRoman", "upperRoman"):
        roman = ""
        for worth, sign in _ROMAN:
            roman += sign * (count // worth)
            count %= worth
        return roman if kind == "lowerRoman" else roman.upper()
    return f"{count:02}" if kind == "decimalZero" else str(count)


def _index(value: str) -> int:
    return min(_whole(value), LEVELS - 1)


def _whole(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) < 7 else 0
