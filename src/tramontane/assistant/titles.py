"""Titles: from the first file or question at once, and by a capable model that costs nothing.

Pure; it asks no model itself.
"""

import re
from typing import Any

from tramontane.money import MTOK, Price, bound_nano

TITLE_CHARACTERS = 60
TOKENS = 60
_ASKED_CHARACTERS = 1_000
_FENCE = re.compile(r"(?s)```.*?(?:```|\Z)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(
    r"(?m)^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\d+[.)]\s+)|(?<!\w)[*_`~]{1,3}(?=\S)|(?<=\S)[*_`~]{1,3}(?!\w)"
)
_END = re.compile(r"(?<=[.!?。！？…])\s")
_QUOTES = "\"'`“”„«»‹›‘’*# \t"


def from_question(text: str) -> str:
    """Return the beginning of a question as a title: its first sentence, at most 60 characters.

    >>> from_question("## Hello **there**. And then?")
    'Hello there'
    """
    plain = _LINK.sub(r"\1", _FENCE.sub(" ", text))
    plain = _MARKS.sub("", plain)
    line = _first_line(plain) or _first_line(text.replace("```", "")) or text
    line = " ".join(line.split())
    sentence = _END.split(line, maxsplit=1)[0]
    return _cut(sentence.rstrip(".").strip() if len(sentence) > 3 else line)


def from_file(name: str) -> str:
    """Return a document's name as a title, without its folders, at most 60 characters.

    >>> from_file("reports/2026/annual.pdf")
    'annual.pdf'
    """
    return _cut(" ".join(name.rstrip("/").rpartition("/")[2].split()) or name)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _cut(line: str) -> str:
    if len(line) <= TITLE_CHARACTERS:
        return line
    head = line[: TITLE_CHARACTERS - 1]
    space = head.rfind(" ")
    return (head[:space] if space > TITLE_CHARACTERS // 2 else head).rstrip(" ,;:–—-") + "…"


def request(question: str, answer: str) -> list[dict[str, Any]]:
    """Return what a model is asked for a title."""
    return [
        {
            "role": "user",
            "content": (
                "Write a title of three to six words for the conversation below, in the language"
                " of its question. Answer with the title alone: no quotes, no full stop, no"
                " explanation.\n\n<question>\n"
                f"{question[:_ASKED_CHARACTERS]}\n</question>\n\n<answer>\n"
                f"{answer[:_ASKED_CHARACTERS]}\n</answer>"
            ),
        }
    ]


def is_free(price: Price) -> bool:
    """Whether a title costs nothing: nobody has asked for it, and it is on no receipt. A price
    that nobody has stated is not that.
    """
    return price.is_known and bound_nano(price, MTOK, MTOK) == 0


def from_model(text: str) -> str | None:
    """Return a model's title, None where what it said is none."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if len(lines) != 1:
        return None
    plain = _MARKS.sub("", lines[0]).removeprefix("Title:")
    title = " ".join(plain.split()).strip(_QUOTES + ".")
    return title if 2 <= len(title) <= TITLE_CHARACTERS + 20 else None
