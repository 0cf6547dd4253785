"""A report as one page of HTML that is complete in itself: it runs nothing and fetches nothing.

Raw HTML in an answer is shown as text, pictures from elsewhere are not shown, and links lead to
the web, to a mail address or nowhere.
"""

import html
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tramontane.assistant.report.figures import Figure
from tramontane.assistant.transfer.proofs import CHART

_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)


def render(markdown: str, title: str, language: str, figures: Mapping[str, Figure]) -> bytes:
    """Return the page of `markdown`; `figures` are its charts by their id."""
    tokens = parse(markdown)
    for token in tokens:
        for child in token.children or ():
            _tame(child, figures)
    parser = _parser()
    body = parser.renderer.render(tokens, parser.options, {})
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="{html.escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="content-security-policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    ).encode()


def parse(markdown: str) -> list[Token]:
    """Return the blocks of `markdown`, as CommonMark has them, with tables."""
    return _parser().parse(markdown)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _tame(token: Token, figures: Mapping[str, Figure]) -> None:
    if token.type == "image":
        address = str(token.attrs.get("src", ""))
        figure = figures.get(address.removeprefix(CHART)) if address.startswith(CHART) else None
        if figure is None:
            token.type, token.tag, token.attrs = "text", "", {}
        else:
            token.attrs = {"src": figure.address, "alt": token.content}
    elif token.type == "link_open":
        address = str(token.attrs.get("href", ""))
        token.attrs = {"href": address, "rel": "noreferrer"} if _LINK.match(address) else {}
