"""Markdown: its text without the marks, with headings, lists, tables and code.

HTML in it is text like any other.
"""

import itertools
import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tramontane.documents.extract import flow
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.building import Builder
from tramontane.documents.extract.formats import plain
from tramontane.documents.extract.records import MIB, Limits
from tramontane.documents.extract.source import Source
from tramontane.text import encodings

BYTES_MOST = 8 * MIB  # what is parsed takes a hundred times its own size
_FRONT = re.compile(r"\A---\r?\n(.{0,10000}?)\r?\n---\r?\n", re.DOTALL)
_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts; a very long one as it is written, with its marks."""
    if len(source) > BYTES_MOST:
        yield from plain.read(source, limits, notes)
        return
    text = encodings.decode(source.map[:]).text
    title = None
    if front := _FRONT.match(text):
        found = _TITLE.search(front[1])
        title = found[1] if found else None
        text = text[front.end() :]
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)
    yield Opened("part", title=title or _first_heading(tokens))
    yield from flow.pages(_blocks(tokens))


def _first_heading(tokens: list[Token]) -> str | None:
    for token, after in itertools.pairwise(tokens):
        if token.type == "heading_open":
            return _words(after)
    return None


def _blocks(tokens: list[Token]) -> Iterator[Block]:
    builder = Builder()
    lists = 0
    label = ""
    for token in tokens:
        kind = token.type
        if kind == "heading_open":
            builder.begin_paragraph("heading", int(token.tag[1:]))
        elif kind == "paragraph_open":
            builder.begin_paragraph("list" if lists else "text")
            builder.label(label)
            label = ""
        elif kind == "list_item_open":
            label = f"{token.info}." if token.info.isdecimal() else ""
        elif kind == "inline":
            if not builder.is_open:  # in a cell
                builder.begin_paragraph()
                builder.text(_words(token))
                builder.end_paragraph()
            else:
                builder.text(_words(token))
        elif kind in ("heading_close", "paragraph_close"):
            builder.end_paragraph()
        elif kind in ("bullet_list_open", "ordered_list_open"):
            lists += 1
        elif kind in ("bullet_list_close", "ordered_list_close"):
            lists -= 1
        elif kind in ("fence", "code_block"):
            yield Block("text", token.content.strip("\n"))
        else:
            _table(builder, kind)
        yield from builder.taken()


def _table(builder: Builder, kind: str) -> None:
    if kind == "table_open":
        builder.begin_table()
    elif kind == "tr_open":
        builder.begin_row()
    elif kind in ("td_open", "th_open"):
        builder.begin_cell()
    elif kind in ("td_close", "th_close"):
        builder.end_cell()
    elif kind == "tr_close":
        builder.end_row()
    elif kind == "table_close":
        builder.end_table()


def _words(token: Token) -> str:
    """Return an inline token's text: links and pictures by their words."""
    pieces = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            pieces.append(" " if child.type == "softbreak" else "\n")
        elif child.type in ("text", "code_inline", "image", "html_inline"):
            pieces.append(child.content)
    return "".join(pieces)
