"""The assistants that ship: five for public services, each in five languages.

Their words are in `LANGUAGE.json` beside this file. They cannot be changed, only copied. It does
not know who uses them, nor with which model.
"""

from functools import cache
from importlib.resources import files

import msgspec

PREFIX = "shipped:"
LANGUAGES = ("fr", "de", "es", "it", "en")
FALLBACK = "en"


class ShippedAssistant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One assistant in one language; `id` without the prefix."""

    id: str
    name: str
    description: str
    instructions: str
    starters: tuple[str, ...]
    tools: tuple[str, ...]
    parameters: dict[str, float | int]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    language: str
    assistants: tuple[ShippedAssistant, ...]


def list_all(language: str) -> tuple[ShippedAssistant, ...]:
    """Return them in `language`, or in English where it is none of the five."""
    return _load(language if language in LANGUAGES else FALLBACK).assistants


def find(assistant_id: str, language: str) -> ShippedAssistant | None:
    """Return the one that is called `shipped:…`, None where there is none of that name."""
    if not assistant_id.startswith(PREFIX):
        return None
    wanted = assistant_id.removeprefix(PREFIX)
    return next((a for a in list_all(language) if a.id == wanted), None)


@cache
def _load(language: str) -> _File:
    data = files("tramontane.assistant.shipped") / f"{language}.json"
    return msgspec.json.decode(data.read_bytes(), type=_File)
