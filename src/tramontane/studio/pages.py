"""The start page and the files it is made of, read and rendered once.

The words are in `strings/LANGUAGE.json`: `page` fills the template's `{{…}}`, `live` goes to the
script as data. The script's modules are joined into one file, so that the page is four requests.
It knows nothing of a running platform: the page itself asks the public addresses.
"""

import hashlib
import html
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

# In the order of their imports, which joining leaves out.
MODULES = (
    "words",
    "elements",
    "state",
    "client",
    "stream",
    "call",
    "key",
    "chart",
    "account",
    "receipt",
    "ask",
    "runs",
    "start",
)
_SLOT = re.compile(r"\{\{([a-z0-9_.]+)\}\}")
_IMPORT = re.compile(r"^import [^;]+;$", re.MULTILINE)
_COMMENT_LINE = re.compile(r"^\s*//.*$", re.MULTILINE)
_COMMENT_BLOCK = re.compile(r"^\s*/\*.*?\*/$", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


class Asset(msgspec.Struct, frozen=True):
    """A file as it is served; `etag` changes with its content."""

    body: bytes
    media_type: str
    etag: str


class Strings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one language."""

    language: str
    page: dict[str, str]
    live: dict[str, str | dict[str, str]]


def load(language: str = "en") -> dict[str, Asset]:
    """Return every public file by its path: "/" and "/static/…"."""
    root = files("tramontane.studio")
    static = root / "static"
    words = (root / "strings" / f"{language}.json").read_bytes()
    strings = msgspec.json.decode(words, type=Strings)
    return {
        "/": _asset(render(_text(static / "start.html"), strings), "text/html"),
        "/static/start.css": _asset(compact(_text(static / "start.css")), "text/css"),
        "/static/start.js": _asset(join(_modules(static / "start")), "text/javascript"),
        "/static/icon.svg": _asset(_text(static / "icon.svg"), "image/svg+xml"),
    }


def render(template: str, strings: Strings) -> str:
    """Return `template` with its slots filled, escaped; KeyError for a slot without words."""
    # Inside a script element of data only "<" could end it early.
    live = msgspec.json.encode(strings.live).decode().replace("<", "\\u003c")
    values = {name: html.escape(text) for name, text in strings.page.items()}
    values |= {"language": strings.language, "live": live}
    return _SLOT.sub(lambda slot: values[slot[1]], template)


def join(modules: list[str]) -> str:
    """Return one script of `modules`, given in the order of their imports.

    They share one scope then, so a name may be declared once only: a browser refuses the whole
    script otherwise, which the tests would see.
    """
    return compact("\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in modules))


def compact(text: str) -> str:
    """Return `text` without comments of whole lines, indentation and empty lines.

    No string of ours spans lines, so indentation never means anything.
    """
    bare = _COMMENT_LINE.sub("", _COMMENT_BLOCK.sub("", text))
    return "\n".join(line.strip() for line in bare.splitlines() if line.strip()) + "\n"


def _modules(folder: Traversable) -> list[str]:
    return [_text(folder / f"{name}.js") for name in MODULES]


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")


def _asset(text: str, media_type: str) -> Asset:
    body = text.encode()
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
