"""What is read out of another assistant's file: conversations as plain records.

Pure, and the same whatever the file was. It does not know the formats, nor how a conversation is
stored.
"""

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Literal

import msgspec

from tramontane.store.parts import FilesPart, ResultPart, SourcesPart
from tramontane.store.windows import LAST_MS, read_time

Source = Literal["chatgpt", "openwebui", "tramontane"]
LeftOut = Literal["image", "audio", "file", "other"]
Reason = Literal[
    "empty", "too_large", "too_nested", "not_understood", "left_out", "cut_off", "unfinished"
]

TITLE_CHARS = 200
KEY_CHARS = 200
MODEL_CHARS = 200
WORDS: dict[str, dict[LeftOut, str]] = {
    "de": {"image": "Bild", "audio": "Ton", "file": "Datei", "other": "Inhalt"},
    "en": {"image": "image", "audio": "sound", "file": "file", "other": "content"},
    "es": {"image": "imagen", "audio": "audio", "file": "archivo", "other": "contenido"},
    "fr": {"image": "image", "audio": "son", "file": "fichier", "other": "contenu"},
    "it": {"image": "immagine", "audio": "audio", "file": "file", "other": "contenuto"},
}
"""What stands where something without a name could not be kept."""

_SECONDS_END = 10**11  # the year 5138; above this a number counts milliseconds, and so on


class Text(msgspec.Struct, frozen=True, tag="text", tag_field="type"):
    """Words, as Markdown."""

    text: str


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning", tag_field="type"):
    """What a model wrote before its answer."""

    text: str


class ToolUse(msgspec.Struct, frozen=True, tag="tool", tag_field="type", kw_only=True):
    """A tool that was called, and what it gave back where that is known."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    is_error: bool = False


Part = Text | Reasoning | ToolUse
OwnPart = FilesPart | SourcesPart | ResultPart
"""What only our own export has."""


class ImportedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `key` is the same each time the file is read; `parent` is another's key."""

    key: str
    parent: str | None
    role: Literal["user", "assistant"]
    parts: tuple[Part | OwnPart, ...]
    model: str | None = None
    rating: Literal["up", "down"] | None = None
    rating_reason: str | None = None
    created_at_ms: int


class ImportedConversation(msgspec.Struct, frozen=True, kw_only=True, tag="conversation"):
    """One conversation with all its branches, parents before children.

    `shown` is the key of the message that ends the branch that was on show. `left_out` counts what
    could not be kept.
    """

    source: Source
    key: str
    title: str
    instructions: str | None = None
    messages: tuple[ImportedMessage, ...]
    shown: str | None
    is_archived: bool = False
    is_pinned: bool = False
    created_at_ms: int
    updated_at_ms: int
    left_out: dict[LeftOut, int] = {}


class Skipped(msgspec.Struct, frozen=True, tag="skipped"):
    """A conversation, or a part of one, that was not taken over."""

    title: str
    reason: Reason


class NotUnderstood(Exception):
    """An element of a file that is no conversation of the kind it looks like."""

    def __init__(self, reason: Reason = "not_understood", title: str = "") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.title = title


def clean(value: object, most: int | None = None) -> str:
    """Return `value` as text that every store takes: no NUL, no half of a character pair."""
    if not isinstance(value, str):
        return ""
    text = value.replace("\0", "")
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if most is None else text[:most]


def title_of(value: object) -> str:
    """Return a title on one line; empty where there is none."""
    return " ".join(clean(value).split())[:TITLE_CHARS]


def key_of(value: object) -> str | None:
    """Return an identifier of the file's, None where there is none that can be used."""
    return value if isinstance(value, str) and 0 < len(value) <= KEY_CHARS else None


def moment_ms(value: object) -> int | None:
    """Return Unix milliseconds of a moment in seconds, milli-, micro- or nanoseconds, or of text.

    None where it is none, or lies outside the years 1970 to 9999.
    """
    if isinstance(value, str):
        return _moment_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    for per_second in (1, 1_000, 1_000_000, 1_000_000_000):
        if 0 < value < _SECONDS_END * per_second:
            return min(int(value * 1000 / per_second), LAST_MS)
    return None


def _moment_of_text(text: str) -> int | None:
    try:
        return read_time(text) or None
    except ValueError:
        return None


def mapping(value: object) -> dict[Any, Any]:
    """Return `value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return `value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return `parts` without empty ones, neighbouring texts in one, results with their calls."""
    kept = [p for p in parts if isinstance(p, ToolUse) or p.text.strip()]
    found: list[Part] = []
    for kind, group in groupby(kept, type):
        if kind is Text:
            found.append(Text("\n\n".join(p.text for p in group if isinstance(p, Text))))
        elif kind is Reasoning:
            texts = (p.text for p in group if isinstance(p, Reasoning))
            found.append(Reasoning("\n\n".join(texts)))
        else:
            found.extend(_answered(p for p in group if isinstance(p, ToolUse)))
    return tuple(found)


def _answered(uses: Iterable[ToolUse]) -> list[ToolUse]:
    """Put what a tool gave back, where it stands by itself, to the call before it."""
    found: list[ToolUse] = []
    for use in uses:
        waits = found and found[-1].result is None
        if waits and not use.arguments and use.result is not None:
            call = found[-1]
            found[-1] = msgspec.structs.replace(call, result=use.result, is_error=use.is_error)
        else:
            found.append(use)
    return found


def named(name: object, otherwise: str) -> str:
    """Return the mark that stands where something could not be kept, such as `[plan.pdf]`."""
    plain = "".join(" " if c in "[]()<>\\`\n\r\t" else c for c in clean(name, 120)).strip()
    return f"[{plain or otherwise}]"
