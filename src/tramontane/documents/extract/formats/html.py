"""HTML: what a reader of the page sees, with its headings, lists and tables.

Scripts, styles, forms' controls, navigation and what is hidden are left out. Nothing is fetched.
"""

import codecs
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tramontane.documents.extract import flow
from tramontane.documents.extract.blocks import Block, Notes, Opened, Page
from tramontane.documents.extract.building import Builder
from tramontane.documents.extract.reasons import corrupt
from tramontane.documents.extract.records import Limits
from tramontane.documents.extract.source import Source
from tramontane.text import encodings

LEFT_OUT = frozenset((
    "script", "style", "template", "noscript", "nav", "svg", "math", "canvas", "iframe", "object",
    "embed", "video", "audio", "select", "option", "button", "input", "textarea", "head",
    "dialog",
))  # fmt: skip
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = frozenset((
    "p", "div", "section", "article", "main", "header", "footer", "aside", "blockquote", "figure",
    "figcaption", "address", "details", "summary", "dl", "dt", "dd", "fieldset", "form", "body",
    "center",
))  # fmt: skip
# Without an end tag, or with one that may be left out.
NEVER_DEEP = frozenset((
    "html", "body", "p", "li", "td", "th", "tr", "dt", "dd", "option", "thead", "tbody", "tfoot",
    "br", "hr", "img", "input", "meta", "link", "area", "base", "col", "colgroup", "embed",
    "source", "track", "wbr", "param",
))  # fmt: skip
DEPTH_MOST = 20_000
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def read(source: Source, limits: Limits, notes: Notes) -> Iterator[Opened | Page]:
    """Yield the text in parts."""
    text = _text(source.map[:])
    _require_shallow(text)
    tree = LexborHTMLParser(text)
    root = tree.root
    if root is None:
        raise corrupt()
    found = tree.css_first("title")
    yield Opened("part", title=found.text(strip=True) if found is not None else None)
    yield from flow.pages(blocks(root))


def blocks_of(html: str) -> Iterator[Block]:
    """Yield the blocks of a page that is part of something else, as an e-mail's."""
    root = LexborHTMLParser(html).root
    if root is not None:
        yield from blocks(root)


def _text(data: bytes) -> str:
    declared = _CHARSET.search(data[:4_096])
    if declared and not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE)):
        name = declared[1].decode("ascii").lower()
        try:
            # As browsers do: who says Latin-1 writes Windows' own.
            name = "cp1252" if codecs.lookup(name).name in ("iso8859-1", "ascii") else name
            return data.decode(name)
        except (LookupError, UnicodeDecodeError, ValueError):
            pass  # it says what it is not
    return encodings.decode(data).text


def _require_shallow(text: str) -> None:
    """Raise Unreadable for elements nested so deep that parsing them takes minutes."""
    depth = 0
    for tag in _TAG.finditer(text):
        if tag[2].lower() not in NEVER_DEEP:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            if depth > DEPTH_MOST:
                raise corrupt("The file is nested deeper than any document should be.")


def blocks(root: LexborNode) -> Iterator[Block]:
    """Yield the blocks below `root`, in the page's order; however deep it is nested."""
    walker = _Walker()
    node: LexborNode | None = root
    while node is not None:
        below = node.child if walker.enter(node) else None
        while below is None and node is not None:
            walker.leave(node)
            if walker.builder.ready:
                yield from walker.builder.taken()
            if node.mem_id == root.mem_id:
                node = None
                break
            below = node.next
            node = node.parent if below is None else node
        node = below if node is not None else None
    walker.builder.end_paragraph(keeps_lines=False)
    yield from walker.builder.taken()


class _Walker:
    """Tells a builder what begins and ends."""

    def __init__(self) -> None:
        self.builder = Builder()
        self._lists: list[int | None] = []  # the next number of each, None for bullets
        self._label = ""
        self._pre = 0

    def enter(self, node: LexborNode) -> bool:
        """A node begins; return whether to look into it."""
        tag = node.tag or ""
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag.startswith(("-", "!")) or tag in LEFT_OUT:
            return tag == "-document"
        attributes = node.attributes
        if "hidden" in attributes or _HIDDEN.search(attributes.get("style") or ""):
            return False
        self._begin(tag)
        return True

    def leave(self, node: LexborNode) -> None:
        """A node ends; those that were not looked into end too."""
        tag = node.tag or ""
        builder = self.builder
        if tag in HEADINGS or tag in BLOCKS or tag in ("li", "pre"):
            self._end_paragraph()
            self._pre -= tag == "pre"
        elif tag in ("ul", "ol"):
            self._end_paragraph()
            del self._lists[-1:]
        elif tag in ("td", "th", "caption"):
            self._end_paragraph()
            if tag != "caption":
                builder.end_cell()
        elif tag == "tr":
            builder.end_row()
        elif tag == "table":
            builder.end_table()

    def _begin(self, tag: str) -> None:
        builder = self.builder
        if tag in HEADINGS:
            self._end_paragraph()
            builder.begin_paragraph("heading", HEADINGS[tag])
        elif tag in BLOCKS:
            self._end_paragraph()
        elif tag == "li":
            self._end_paragraph()
            self._item()
        elif tag in ("ul", "ol"):
            self._end_paragraph()
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "pre":
            self._end_paragraph()
            self._pre += 1
        elif tag == "br":
            builder.text("\n" if self._pre else " ")
        elif tag == "table":
            self._end_paragraph()
            builder.begin_table()
        elif tag == "tr":
            builder.begin_row()
        elif tag in ("td", "th"):
            builder.begin_cell()

    def _item(self) -> None:
        """An item begins: one of a numbered list has its number before its text."""
        number = self._lists[-1] if self._lists else None
        self._label = ""
        if number is not None:
            self._label = f"{number}."
            self._lists[-1] = number + 1

    def _text(self, text: str) -> None:
        if not self.builder.is_open:
            if not text.strip():
                return
            self.builder.begin_paragraph("list" if self._lists else "text")
            self.builder.label(self._label)
            self._label = ""
        self.builder.text(text)

    def _end_paragraph(self) -> None:
        self.builder.end_paragraph(keeps_lines=self._pre > 0)
