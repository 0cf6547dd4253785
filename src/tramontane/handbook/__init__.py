"""The handbook: what Tramontane does, in five languages, for people and for the guide.

A page is `LANGUAGE/NN-slug.md`, with the same slugs in every language: a head of three lines
(title, summary, and words that people may ask with), then sections under `## headings`. It does
not know who reads it, nor how it looks.
"""

import re
import unicodedata
from functools import cache
from importlib.resources import files

import msgspec

LANGUAGES = ("en", "fr", "de", "es", "it")
NAMES = {"en": "English", "fr": "Français", "de": "Deutsch", "es": "Español", "it": "Italiano"}

_FILE = re.compile(r"(?P<number>\d\d)-(?P<slug>[a-z0-9-]+)\.md")
_HEAD = re.compile(
    r"---\ntitle: (?P<title>[^\n]+)\nsummary: (?P<summary>[^\n]+)\nwords: (?P<words>[^\n]*)\n---\n"
)


class Section(msgspec.Struct, frozen=True):
    """A part of a page: its heading, its address within the page, its Markdown."""

    title: str
    anchor: str
    text: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `words` are what people may call it who do not know its title."""

    language: str
    number: int
    slug: str
    title: str
    summary: str
    words: str
    sections: tuple[Section, ...]


class Malformed(ValueError):
    """A page is not written as pages are."""


@cache
def pages(language: str) -> tuple[Page, ...]:
    """Return every page in the order of their numbers. KeyError for an unknown language."""
    if language not in LANGUAGES:
        raise KeyError(language)
    folder = files("tramontane.handbook") / language
    found = [
        read_page(file.name, file.read_text(encoding="utf-8"), language)
        for file in folder.iterdir()
        if file.name.endswith(".md")
    ]
    return tuple(sorted(found, key=lambda page: page.number))


def read_page(name: str, text: str, language: str) -> Page:
    """Return the page that `text` is. Raises Malformed."""
    named, head = _FILE.fullmatch(name), _HEAD.match(text)
    if named is None or head is None:
        raise Malformed(f"{language}/{name}: begin it with title, summary and words")
    before, *parts = re.split(r"^## ", text[head.end() :], flags=re.MULTILINE)
    if before.strip() or not parts:
        raise Malformed(f"{language}/{name}: write everything under headings")
    sections = []
    for part in parts:
        title, _, body = part.partition("\n")
        sections.append(Section(title.strip(), anchor_of(title), body.strip()))
    if len({section.anchor for section in sections}) < len(sections):
        raise Malformed(f"{language}/{name}: two headings have one address")
    return Page(
        language=language,
        number=int(named["number"]),
        slug=named["slug"],
        title=head["title"],
        summary=head["summary"],
        words=head["words"],
        sections=tuple(sections),
    )


def anchor_of(title: str) -> str:
    """Return the address of a heading within its page.

    >>> anchor_of("Où sont mes données ?")
    'ou-sont-mes-donnees'
    """
    plain = unicodedata.normalize("NFKD", title.casefold())
    ascii_only = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")


def address(page: Page, section: Section | None = None) -> str:
    """Return where the page is served."""
    anchor = f"#{section.anchor}" if section is not None else ""
    return f"/docs/{page.language}/{page.slug}{anchor}"
