"""The piece of a passage that shows why it was found, with the words that were looked for marked.

Pure. Words are compared as the search compares them: by their stems, in either language.
"""

import re
from collections.abc import Iterable

import msgspec

from tramontane.text import stems

CHARACTERS = 280
_SPACES = re.compile(r"\s+")


class Piece(msgspec.Struct, frozen=True):
    """A piece of a text; `match` where it is what was looked for."""

    text: str
    match: bool = False


def snippet(
    text: str, language: str | None, question: str, asked_language: str | None
) -> list[Piece]:
    """Return about 280 characters of `text` where most words of `question` stand, on one line."""
    groups = stems.variants(question, asked_language, [language])
    asked = {stem: at for at, group in enumerate(groups) for stem in group}
    hits = [
        (word.start, word.end, asked[word.stem])
        for word in stems.words(text, language)
        if word.stem in asked
    ]
    begin = _best_start(text, hits)
    end = begin + CHARACTERS
    if end < len(text):
        end = max(text.rfind(" ", begin + CHARACTERS // 2, end), begin + CHARACTERS // 2)
    end = min(end, len(text))
    shown = [(start, stop) for start, stop, _ in hits if begin <= start and stop <= end]
    return list(_pieces(text, begin, end, shown))


def _best_start(text: str, hits: list[tuple[int, int, int]]) -> int:
    """Return where the window begins that holds the most different words."""
    if not hits or len(text) <= CHARACTERS:
        return 0
    reach = CHARACTERS * 3 // 4

    def held(at: int) -> int:
        return len({word for start, _, word in hits if at <= start < at + reach})

    first = max((start for start, _, _ in hits), key=lambda start: (held(start), -start))
    lead = max(0, min(first - 60, len(text) - CHARACTERS))
    space = text.find(" ", lead, first)
    return 0 if lead == 0 else (space + 1 if space >= 0 else lead)


def _pieces(text: str, begin: int, end: int, hits: list[tuple[int, int]]) -> Iterable[Piece]:
    at = begin
    if begin:
        yield Piece("…")
    for start, stop in hits:
        if start > at:
            yield Piece(_line(text[at:start]))
        yield Piece(_line(text[start:stop]), match=True)
        at = stop
    if at < end:
        yield Piece(_line(text[at:end]))
    if end < len(text):
        yield Piece("…")


def _line(text: str) -> str:
    return _SPACES.sub(" ", text)
