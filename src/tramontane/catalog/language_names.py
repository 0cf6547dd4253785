"""Languages by their codes and by their names in English, French, German, Spanish, Italian and
their own tongue.

The names are those of the Unicode CLDR. It does not know which model speaks what.
"""

import re
from functools import cache
from pathlib import Path

import msgspec

from tramontane.catalog.words import folded

_FILE = Path(__file__).with_name("language_names.json")
_CODE = re.compile(r"[a-z]{2,3}", re.ASCII)


@cache
def names() -> dict[str, tuple[str, ...]]:
    """Return every name of each language, by code; the first is the English one."""
    return msgspec.json.decode(_FILE.read_bytes(), type=dict[str, tuple[str, ...]])


@cache
def _codes() -> dict[str, str]:
    return {folded(name): code for code, known in names().items() for name in known}


def english() -> dict[str, str]:
    """Return each language's code by its English name in lower case."""
    return {known[0].lower(): code for code, known in names().items()}


def code_of(text: str) -> str | None:
    """Return the code for a code (pt-BR is pt) or a name (Italian, italiano), else None."""
    wanted = folded(text.strip())
    if wanted in _codes():
        return _codes()[wanted]
    return primary(wanted) if _CODE.fullmatch(primary(wanted)) else None


def primary(tag: str) -> str:
    """Return a tag's language without its region and script."""
    return tag.replace("_", "-").partition("-")[0].lower()


def title(code: str) -> str:
    """Return the English name, or the code where it is not known."""
    return names().get(code, (code,))[0]
