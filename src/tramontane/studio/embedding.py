"""What an embedded assistant is made of: its page, scripts and style, read and rendered once.

The words are in `embedded/words.json`, in five languages. It does not know which embeds there are,
nor who asks.
"""

import hashlib
import html
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import msgspec

LANGUAGES = ("fr", "de", "es", "it", "en")
FALLBACK = "en"
SCRIPT_PATH = "/embed.js"
_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
_CSS_SPACE = re.compile(r"\s*([{};,]|(?<=[a-z-]):(?= ))\s*")  # a space before ":" means something
_COMMENT_LINE = re.compile(r"^\s*//.*$", re.MULTILINE)
_COMMENT_BLOCK = re.compile(r"^\s*/\*.*?\*/$", re.MULTILINE | re.DOTALL)


class Asset(msgspec.Struct, frozen=True):
    """A file as it is served; `etag` changes with its content."""

    body: bytes
    media_type: str
    etag: str


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language: of the page, of what happens in it, and what the model is told."""

    page: dict[str, str]
    live: dict[str, str | dict[str, str]]
    system: str


@cache
def assets() -> dict[str, Asset]:
    """Return each file that an embed loads, by its path."""
    return {
        SCRIPT_PATH: _asset("embed.js", "text/javascript"),
        "/embed/widget.js": _asset("widget.js", "text/javascript"),
        "/embed/widget.css": _asset("widget.css", "text/css"),
    }


def page(*, embed_id: str, title: str, starters: Iterable[str], token: str, language: str) -> bytes:
    """Return the page of an embed in `language`, one of the five."""
    words = words_of(language)
    buttons = (
        f'<li><button type="button">{html.escape(starter)}</button></li>' for starter in starters
    )
    values = {name: html.escape(text) for name, text in words.page.items()}
    values |= {
        "language": language,
        "id": html.escape(embed_id),
        "title": html.escape(title),
        "token": html.escape(token),
        "words": html.escape(msgspec.json.encode(words.live).decode()),
        "starters": "".join(buttons),
    }
    return _SLOT.sub(lambda slot: values[slot[1]], _template()).encode()


def policy(allowed_origins: Iterable[str]) -> str:
    """Return the content security policy of an embed's page: those sites alone may frame it."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {' '.join(allowed_origins)}",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def snippet(origin: str, embed_id: str, title: str) -> str:
    """Return the line that puts the assistant into a page."""
    label = html.escape(title)
    source = html.escape(f"{origin}{SCRIPT_PATH}")
    return f'<script src="{source}" data-embed="{embed_id}" data-label="{label}" async></script>'


def frame(origin: str, embed_id: str, title: str) -> str:
    """Return the same as a frame, for sites that take no script."""
    label = html.escape(title)
    source = html.escape(f"{origin}/embed/{embed_id}")
    return f'<iframe src="{source}" title="{label}" width="400" height="620"></iframe>'


def language_of(asked: str | None, accepted: str) -> str:
    """Return the language of a page: what was asked for, else the browser's, else English."""
    wanted = [asked or "", *(each.partition(";")[0] for each in accepted.split(","))]
    for tag in wanted:
        if (language := tag.strip()[:2].lower()) in LANGUAGES:
            return language
    return FALLBACK


def is_own_page(sent_origin: str | None, sent_site: str | None, own_origin: str) -> bool:
    """Whether a question comes from an embed's page, as far as the browser says.

    Behind a proxy that ends TLS the own origin may not be known to the letter.
    """
    if sent_site is not None:
        return sent_site == "same-origin"
    return sent_origin is None or sent_origin == own_origin


def words_of(language: str) -> Words:
    """Return the words of a language."""
    return _words()[language]


@cache
def _words() -> dict[str, Words]:
    return msgspec.json.decode(_read("words.json"), type=dict[str, Words])


@cache
def _template() -> str:
    return compact(_read("page.html"))


def _asset(name: str, media_type: str) -> Asset:
    text = _style(name) if media_type == "text/css" else compact(_read(name))
    # In quotes there: the style has none of its own, and no line ends.
    body = text.replace("{{launcher}}", _style("launcher.css").strip()).encode()
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')


def _style(name: str) -> str:
    return _CSS_SPACE.sub(r"\1", compact(_read(name))).replace(";}", "}")


def compact(text: str) -> str:
    """Return `text` without comments of whole lines, indentation and empty lines."""
    bare = _COMMENT_LINE.sub("", _COMMENT_BLOCK.sub("", text))
    return "\n".join(line.strip() for line in bare.splitlines() if line.strip()) + "\n"


def _read(name: str) -> str:
    return (files("tramontane.studio") / "embedded" / name).read_text(encoding="utf-8")
