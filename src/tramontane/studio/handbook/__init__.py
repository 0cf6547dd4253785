"""The handbook as pages of HTML: complete without a script, in the reader's light or dark.

Rendered once per page, when it is first asked for. It does not know who reads: everything here is
public.
"""

import html
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from urllib.parse import quote as quoted

import msgspec
from markdown_it import MarkdownIt

from tramontane.guide.quoting import quote
from tramontane.guide.search import Hit, index
from tramontane.handbook import LANGUAGES, NAMES, Page, Section, address, pages

ADMINISTRATORS = (
    "first-start", "keys", "budgets", "add-a-provider", "add-a-model", "embed", "backup",
)  # fmt: skip
"""The pages that most readers never need."""

SEARCH_NEAR = 0.1
MOST_FOUND = 8
_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")


@cache
def stylesheet() -> bytes:
    """Return the style sheet of every page."""
    return (files("tramontane.studio") / "handbook" / "handbook.css").read_bytes()


@cache
def _template() -> str:
    return (files("tramontane.studio") / "handbook" / "page.html").read_text(encoding="utf-8")


@cache
def _words(language: str) -> dict[str, str]:
    text = (files("tramontane.studio") / "handbook" / "words.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, dict[str, str]])[language]


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})


def page_of(language: str, slug: str) -> Page | None:
    """Return the page at that address; None where there is none."""
    if language not in LANGUAGES:
        return None
    return next((page for page in pages(language) if page.slug == slug), None)


def contents(language: str) -> bytes:
    """Return the page that lists the others."""
    return _contents(language, "handbook")


def missing(language: str) -> bytes:
    """Return what is shown at an address where there is no page."""
    return _contents(language, "missing")


@cache
def _contents(language: str, heading: str) -> bytes:
    words = _words(language)
    parts = [f"<h1>{_text(words[heading])}</h1>", f'<p class="lead">{_text(words["lead"])}</p>']
    for title, group in _groups(language):
        entries = "".join(
            f'<li><a href="{address(page)}">{_text(page.title)}</a>'
            f"<p>{_text(page.summary)}</p></li>"
            for page in group
        )
        parts.append(f'<h2>{_text(title)}</h2><ul class="contents">{entries}</ul>')
    return _whole(language, words[heading], "\n".join(parts))


@cache
def page(language: str, slug: str) -> bytes | None:
    """Return one page; None where there is none."""
    shown = page_of(language, slug)
    if shown is None:
        return None
    parts = [f"<h1>{_text(shown.title)}</h1>", f'<p class="lead">{_text(shown.summary)}</p>']
    parts += [_section(section) for section in shown.sections]
    parts.append(_turn(shown))
    return _whole(language, shown.title, "\n".join(parts), slug=slug)


def results(language: str, query: str) -> bytes:
    """Return what a search finds, the best first, or that nothing fits."""
    words = _words(language)
    hits = [
        hit for hit in index(language).search(query, MOST_FOUND) if hit.confidence >= SEARCH_NEAR
    ]
    if not hits:
        main = f"<h1>{_text(words['nothing'].format(query=query))}</h1>"
    else:
        entries = "".join(_result(hit, query, language) for hit in hits)
        main = f"<h1>{_text(words['found'].format(query=query))}</h1>"
        main += f'<ol class="results">{entries}</ol>'
    return _whole(language, words["search"], main, query=query)


def _result(hit: Hit, query: str, language: str) -> str:
    extract = quote(hit.section.text, query, language, index(language))
    return (
        f'<li><a href="{address(hit.page, hit.section)}">{_text(hit.page.title)}'
        f" · {_text(hit.section.title)}</a>"
        f"<blockquote>{_markdown().render(extract)}</blockquote></li>"
    )


def _section(section: Section) -> str:
    return (
        f'<section><h2 id="{section.anchor}"><a href="#{section.anchor}">{_text(section.title)}'
        f"</a></h2>\n{_markdown().render(section.text)}</section>"
    )


def _turn(shown: Page) -> str:
    words, every = _words(shown.language), pages(shown.language)
    at = every.index(shown)
    links = []
    if at:
        links.append((every[at - 1], "before", "prev", words["previous"]))
    if at + 1 < len(every):
        links.append((every[at + 1], "after", "next", words["next"]))
    shown_links = "".join(
        f'<a class="{name}" rel="{rel}" href="{address(page)}"><span>{_text(label)}</span>'
        f"{_text(page.title)}</a>"
        for page, name, rel, label in links
    )
    label = _text(f"{words['previous']}, {words['next']}")
    return f'<nav class="turn" aria-label="{label}">{shown_links}</nav>'


def _groups(language: str) -> Iterable[tuple[str, list[Page]]]:
    words = _words(language)
    for heading, is_theirs in (("everyone", False), ("administrators", True)):
        group = [page for page in pages(language) if (page.slug in ADMINISTRATORS) == is_theirs]
        yield words[heading], group


def _whole(language: str, title: str, main: str, *, slug: str = "", query: str = "") -> bytes:
    words = _words(language)
    rest = f"/{slug}" if slug else (f"?q={quoted(query)}" if query else "")
    values = {name: _text(text) for name, text in words.items()}
    values |= {
        "language": language,
        "title": _text(title),
        "language_label": _text(words["language"]),
        "pages_label": _text(words["pages"]),
        "query": _text(query),
        "languages": "".join(_language_link(known, language, rest) for known in LANGUAGES),
        "alternates": "\n".join(
            f'<link rel="alternate" hreflang="{known}" href="/docs/{known}{_text(rest)}">'
            for known in LANGUAGES
        ),
        "pages": "".join(
            f"<h2>{_text(heading)}</h2><ul>{''.join(_page_link(p, slug) for p in group)}</ul>"
            for heading, group in _groups(language)
        ),
        "main": main,
    }
    return _SLOT.sub(lambda slot: values[slot[1]], _template()).encode()


def _language_link(known: str, language: str, rest: str) -> str:
    current = ' aria-current="true"' if known == language else ""
    return (
        f'<li><a href="/docs/{known}{_text(rest)}" lang="{known}" hreflang="{known}"{current}>'
        f"{NAMES[known]}</a></li>"
    )


def _page_link(page: Page, slug: str) -> str:
    current = ' aria-current="page"' if page.slug == slug else ""
    return f'<li><a href="{address(page)}"{current}>{_text(page.title)}</a></li>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)
